// A scripted Kulanz: a real HTTP server that gives the answers that it is told to give, and a clock that is turned.

import { createServer } from "node:http";

import { Client } from "../src/index.js";

export const PROFESSIONAL = entitlement("professional", 3);
export const SECRET = "whsec_" + Buffer.from("a secret that only tests know").toString("base64");

export function entitlement(plan, version, more = {}) {
  const access = plan === "free" ? "free" : "full";
  return { account_id: "org_42", plan, access, allows: [], add_ons: [], version, ...more };
}

export async function withKulanz(story) {
  const requests = [];
  const far = { requests, answer: () => ({ status: 200, body: PROFESSIONAL }), now: 0, warnings: [] };
  const server = createServer(async (request, response) => {
    requests.push({ url: request.url, headers: request.headers });
    const answer = await far.answer(request);
    if (answer === null) return request.socket.destroy();
    const { status = 200, headers = {}, body = "" } = answer;
    const type = status >= 400 ? "application/problem+json" : "application/json";
    response.writeHead(status, { "Content-Type": type, ...headers });
    return response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  far.url = `http://127.0.0.1:${server.address().port}`;
  far.client = (more = {}) =>
    new Client({
      url: far.url,
      token: "a-token",
      callbackSecret: SECRET,
      plans: ["professional", "enterprise"],
      timeout: 20_000,
      clock: () => far.now,
      warn: (message) => far.warnings.push(message),
      ...more,
    });
  try {
    await story(far);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
