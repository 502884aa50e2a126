// The JavaScript client against the real Kulanz that the Python tests started.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

import { Client, ConfigurationError, may } from "../../clients/js/src/index.js";

const { KULANZ_URL, KULANZ_TOKEN, KULANZ_CALLBACK_SECRET, KULANZ_DATA, PRODUCT_URL, PYTHON, PLAY } = process.env;
const ACCOUNT = "javascript_1";

const play = (act) => promisify(execFile)(PYTHON, [PLAY, act, ACCOUNT, "--data-dir", KULANZ_DATA]);

async function heard(client, type) {
  for (;;) {
    const received = await (await fetch(PRODUCT_URL)).json();
    for (const { body, headers } of received) {
      const callback = await client.receive(Buffer.from(body, "base64"), headers);
      if (callback.accountId === ACCOUNT && callback.type === type) return callback;
    }
    await pause(50);
  }
}

test("a purchase and a chargeback reach the product", { timeout: 30_000 }, async () => {
  const options = { url: KULANZ_URL, token: KULANZ_TOKEN, callbackSecret: KULANZ_CALLBACK_SECRET };
  const client = new Client({ ...options, plans: ["professional", "enterprise"] });
  const stranger = await client.entitlement(ACCOUNT);

  await play("bought");
  const bought = await heard(client, "account.entitlement_changed");
  const paid = await client.entitlement(ACCOUNT, { refresh: true });
  const again = await client.entitlement(ACCOUNT, { refresh: true });

  assert.deepEqual([stranger.known, stranger.plan], [false, "free"]);
  assert.deepEqual([bought.entitlement.plan, bought.entitlement.version], ["professional", paid.version]);
  assert.deepEqual([paid.plan, paid.access, paid.source], ["professional", "full", "kulanz"]);
  assert.equal(again.version, paid.version);
  assert.equal(client.counts.not_modified, 1);
  assert.ok(client.covers(paid, "professional"));

  await play("chargeback");
  const suspended = await heard(client, "account.suspended");
  const now = await client.entitlement(ACCOUNT);

  assert.equal(suspended.rule, "dispute.suspended");
  assert.deepEqual([now.access, now.source], ["none", "cache"]);
  assert.ok(may(now, "export"));
  const { notice } = await client.entitlement(ACCOUNT, { refresh: true });
  assert.deepEqual([notice.severity, notice.text, notice.who], ["critical", "Your account has been suspended", "everyone"]);
  assert.equal(client.counts.callback_refused, 0);
  await assert.rejects(new Client({ ...options, token: "wrong" }).entitlement(ACCOUNT), ConfigurationError);
});
