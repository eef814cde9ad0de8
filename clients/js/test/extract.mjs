// Puts the README's blocks one after the other, as one module: extract.mjs README.md readme.ts

import { readFileSync, writeFileSync } from "node:fs";

const [, , from, to] = process.argv;
const blocks = [...readFileSync(from, "utf8").matchAll(/```[tj]s\n(.*?)```/gs)].map(([, block]) => block);
if (blocks.length < 8) throw new Error(`${blocks.length} blocks in ${from}`);
writeFileSync(to, blocks.join("\n") + "\nexport { app };\n");
