// Reads questions as JSON on stdin, writes the answers of encoding-japanese as JSON: {do: "decode" | "encode" | "detect", ...}.
const Encoding = require("encoding-japanese");
const octets = (hex) => [...Buffer.from(hex, "hex")];
const answer = (asked) => {
  if (asked.do === "decode") return Encoding.convert(octets(asked.hex), { to: "UNICODE", from: asked.charset, type: "string" });
  if (asked.do === "encode") return Buffer.from(Encoding.convert(Encoding.stringToCode(asked.text), { to: asked.charset, from: "UNICODE", type: "array" })).toString("hex");
  return String(Encoding.detect(octets(asked.hex)));
};
process.stdout.write(JSON.stringify(JSON.parse(require("fs").readFileSync(0)).map(answer)));
