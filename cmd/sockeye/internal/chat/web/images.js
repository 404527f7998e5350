// Pictures on their way in: picked, pasted or dropped, and made to fit.

export const TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const SIDES = [1600, 1200, 900, 640, 420]; // px, tried from the left until it fits
const QUALITY = 0.82;

// fit returns a Blob of at most limit bytes, or throws an Error that can be
// shown. A picture that is too large is redrawn smaller, as a JPEG.
export async function fit(file, limit, say) {
  if (!TYPES.includes(file.type)) {
    throw new Error("Only PNG, JPEG, GIF and WebP pictures can be sent.");
  }
  if (file.size === 0) {
    throw new Error("This file is empty.");
  }
  if (file.size <= limit) {
    return file;
  }
  const tooLarge = `The picture has ${say(file.size)}, the limit is ${say(limit)}`;
  if (file.type === "image/gif") {
    throw new Error(`${tooLarge}.`); // redrawing would stop the animation
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${tooLarge}, and it cannot be made smaller.`);
  }
  for (const side of SIDES) {
    const blob = await redraw(bitmap, side);
    if (blob && blob.size <= limit) {
      bitmap.close();
      return blob;
    }
  }
  bitmap.close();
  throw new Error(`${tooLarge}.`);
}

function redraw(bitmap, side) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
}

// listen calls take(file) for each picture that is picked with input, pasted
// anywhere or dropped on area; curtain is shown while one hovers over it.
export function listen(input, area, curtain, take) {
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (file) {
      take(file);
    }
    input.value = ""; // so that the same file can be picked again
  });
  document.addEventListener("paste", (e) => {
    const file = [...(e.clipboardData?.files ?? [])].find((f) => f.type.startsWith("image/"));
    if (file) {
      e.preventDefault();
      take(file);
    }
  });
  const hasFile = (e) => [...(e.dataTransfer?.types ?? [])].includes("Files");
  area.addEventListener("dragover", (e) => {
    if (hasFile(e)) {
      e.preventDefault();
      curtain.hidden = false;
    }
  });
  area.addEventListener("dragleave", (e) => {
    if (!area.contains(e.relatedTarget)) {
      curtain.hidden = true;
    }
  });
  area.addEventListener("drop", (e) => {
    curtain.hidden = true;
    if (hasFile(e)) {
      e.preventDefault();
      [...e.dataTransfer.files].forEach(take);
    }
  });
}
