// Command flask is the example application of Flask-SocketIO, ported: the same
// events with the same effects, so that whoever comes from there can lay the two
// programs side by side.
//
//	go run ./examples/flask      # then open http://127.0.0.1:5000/
//
// What is called what:
//
//	@socketio.event def f(m)     socketio.On(srv, "f", func(ctx, s, m T) error)
//	@socketio.on('*')            srv.OnAny, which sees the events with a handler too
//	@socketio.event def connect  srv.OnConnect; srv.Use to refuse a connection
//	emit(...)                    s.Emit(...)
//	emit(..., broadcast=True)    srv.Emit(...)
//	emit(..., to=room)           srv.To(room).Emit(...)
//	emit(..., callback=f)        s.Call(ctx, ...), which returns what f would get
//	join_room, leave_room        s.Join, s.Leave
//	close_room(room)             srv.To(room).Leave(room)
//	rooms()                      s.Rooms()
//	disconnect()                 s.Disconnect()
//	session['receive_count']     a socketio.Key
//	start_background_task        a goroutine of yours, here app.generate
package main
