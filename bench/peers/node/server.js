// The benchmark contract on the official Socket.IO server, as its documentation writes it.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values } = parseArgs({ options: { addr: { type: "string", default: "127.0.0.1:0" } } });
const [host, port] = values.addr.split(":");

const http = createServer();
const io = new Server(http);

io.on("connection", (socket) => {
  socket.on("echo", (payload, ack) => ack(payload));
  socket.on("broadcast", (payload) => io.emit("msg", payload));
});

http.listen(Number(port), host, () => {
  console.log(`ready ${host}:${http.address().port}`);
});
