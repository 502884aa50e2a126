import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { CallbackError } from "../src/index.js";
import { entitlement, SECRET, withKulanz } from "./far.js";

const OTHER = "whsec_" + Buffer.from("an older secret of the product").toString("base64");

function signed(document, { secret = SECRET, age = 0 } = {}) {
  const body = typeof document === "string" ? document : JSON.stringify(document);
  const timestamp = String(Math.floor(Date.now() / 1000) - age);
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const signature = createHmac("sha256", key).update(`ef_1.${timestamp}.${body}`).digest("base64");
  return [body, { "Webhook-Id": "ef_1", "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` }];
}

function suspended(version) {
  const { account_id, ...rest } = entitlement("free", version, { access: "none", allows: ["export"] });
  const reason = { rule: "dispute.suspended", clause: "5.1" };
  return { type: "account.suspended", timestamp: "2026-03-08T14:08:20Z", data: { account_id, entitlement: rest, reason } };
}

test("a callback with a later version takes the place of the cached answer", () =>
  withKulanz(async (far) => {
    const client = far.client();
    await client.entitlement("org_42");

    const callback = await client.receive(...signed(suspended(4)));

    const now = await client.entitlement("org_42");
    assert.deepEqual([callback.type, callback.rule, callback.stale], ["account.suspended", "dispute.suspended", false]);
    assert.deepEqual([now.access, now.source, now.version], ["none", "cache", 4]);
    assert.equal(far.requests.length, 1);
  }));

test("a callback with an earlier version changes nothing", () =>
  withKulanz(async (far) => {
    const client = far.client();
    await client.entitlement("org_42");

    const callback = await client.receive(...signed(suspended(2)));

    assert.ok(callback.stale);
    assert.equal((await client.entitlement("org_42")).plan, "professional");
    assert.equal(client.counts.callback_stale, 1);
  }));

test("a callback that overtakes an answer wins by its version", () =>
  withKulanz(async (far) => {
    const client = far.client();
    let asked, release;
    const wasAsked = new Promise((resolve) => (asked = resolve));
    const released = new Promise((resolve) => (release = resolve));
    far.answer = () => {
      asked();
      return released.then(() => ({ body: entitlement("professional", 3) }));
    };

    const answer = client.entitlement("org_42");
    await wasAsked;
    await client.receive(...signed(suspended(4)));
    release();

    assert.equal((await answer).access, "none");
  }));

test("a callback about an account never asked for is the last known, and asked about again", () =>
  withKulanz(async (far) => {
    const [client, other] = [far.client(), far.client()];
    await client.receive(...signed(suspended(1)));
    await other.receive(...signed(suspended(1)));

    assert.equal((await client.entitlement("org_42")).access, "full");

    far.answer = () => ({ status: 503 });
    assert.equal((await other.entitlement("org_42")).access, "none");
  }));

test("bytes, a Headers object and an older secret are accepted", () =>
  withKulanz(async (far) => {
    const [body, headers] = signed(suspended(4), { secret: OTHER });

    const callback = await far
      .client({ callbackSecret: [SECRET, OTHER] })
      .receive(new TextEncoder().encode(body), new Headers(headers));

    assert.equal(callback.accountId, "org_42");
  }));

for (const [name, forged] of [
  ["signed with another secret", () => signed(suspended(4), { secret: OTHER })],
  ["six minutes old", () => signed(suspended(4), { age: 360 })],
  ["six minutes ahead", () => signed(suspended(4), { age: -360 })],
  ["without headers", () => [signed(suspended(4))[0], {}]],
  ["with another body", () => [signed(suspended(4))[0] + " ", signed(suspended(4))[1]]],
  ["with a malformed signature", () => [signed(suspended(4))[0], { ...signed(suspended(4))[1], "webhook-signature": "v1" }]],
  ["that is no JSON", () => signed("no JSON")],
  ["that has no data", () => signed({ type: "account.suspended" })],
]) {
  test(`a callback ${name} is refused and counted`, () =>
    withKulanz(async (far) => {
      const client = far.client();

      await assert.rejects(client.receive(...forged()), CallbackError);

      assert.equal(client.counts.callback_refused, 1);
    }));
}
