import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The files of an evidence package, which are stored: name and bytes, one after the other. */
export function unpack(package_, into) {
  const bytes = readFileSync(package_);
  for (let at = 0; bytes.readUInt32LE(at) === 0x04034b50; ) {
    const [size, name, extra] = [bytes.readUInt32LE(at + 18), bytes.readUInt16LE(at + 26), bytes.readUInt16LE(at + 28)];
    const file = join(into, bytes.toString("utf8", at + 30, at + 30 + name));
    const data = at + 30 + name + extra;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes.subarray(data, data + size));
    at = data + size;
  }
}
