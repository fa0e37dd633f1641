// A picture and a document, as small as the vendors' checks let them be, as data URLs.
import { crc32, deflateSync } from "node:zlib";

function chunk(kind, data) {
  const named = Buffer.concat([Buffer.from(kind), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

function png() {
  const head = Buffer.from([0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 0]); // 2 x 2 points, 8 bits, three colours
  const row = Buffer.from([0, 255, 0, 0, 255, 0, 0]);
  const parts = [chunk("IHDR", head), chunk("IDAT", deflateSync(Buffer.concat([row, row]))), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...parts]);
}

const PDF = `%PDF-1.1
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj
trailer<</Root 1 0 R>>
%%EOF
`;

export const PNG_URL = `data:image/png;base64,${png().toString("base64")}`;
export const PDF_URL = `data:application/pdf;base64,${Buffer.from(PDF).toString("base64")}`;
