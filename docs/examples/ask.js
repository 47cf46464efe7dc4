// node ask.js URL REQUEST.json: ask a tradesieve service about one trade. Node 18 or later.
const { readFileSync } = require("node:fs");

async function ask(url, path) {
  const headers = { "Content-Type": "application/json" };
  if (process.env.TRADESIEVE_KEY) headers.Authorization = `Bearer ${process.env.TRADESIEVE_KEY}`;
  const body = readFileSync(path);
  const response = await fetch(`${url}/v1/score`, { method: "POST", headers, body, signal: AbortSignal.timeout(2000) });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${answer.detail}; ${answer.hint}`);
  console.log(answer.accept, answer.size);
}

ask(process.argv[2], process.argv[3]).catch((error) => {
  console.error(error.message); // no answer, no trade
  process.exit(1);
});
