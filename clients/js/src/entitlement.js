// Entitlement of an account, read from the answer of the API or from a callback.

export const FREE = "free";
const ACCESS = new Set(["full", "free", "none"]);

/** Whether an act such as `export` is possible: always with access, else where `allows` names it. */
export function may(entitlement, act) {
  return entitlement.access !== "none" || entitlement.allows.includes(act);
}

/** Return the entitlement of an account that Kulanz has never heard of: the free plan. */
export function unknown(accountId) {
  return made({ accountId, plan: FREE, access: "free", known: false });
}

/** Return what stands in for an answer where the caller chose `open` or `closed`. */
export function invented(accountId, source) {
  return made({ accountId, plan: FREE, access: source === "open" ? "full" : "free", known: false, source });
}

/** Read an entitlement; throw TypeError where it is none. Fields that are not known here are left out. */
export function read(document, accountId) {
  const told = isObject(document) ? document : {};
  const { account_id = accountId, plan, access, allows = [], add_ons = [], quantities = {}, version } = told;
  const usable =
    typeof account_id === "string" &&
    typeof plan === "string" &&
    ACCESS.has(access) &&
    isListOf(allows, isText) &&
    isListOf(add_ons, isText) &&
    isObject(quantities) &&
    isListOf(Object.values(quantities), Number.isInteger) &&
    Number.isInteger(version);
  if (!usable) throw new TypeError("a field is missing or of the wrong type");
  return made({
    accountId: account_id,
    plan,
    access,
    allows: Object.freeze([...allows]),
    addOns: Object.freeze([...add_ons]),
    quantities: Object.freeze({ ...quantities }),
    version,
    known: told.known !== false,
    notice: notice(told.notice),
  });
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function instant(value) {
  const read = isText(value) ? new Date(value) : new Date(NaN);
  return Number.isNaN(read.getTime()) ? null : read;
}

function made(fields) {
  const rest = { allows: Object.freeze([]), addOns: Object.freeze([]), quantities: Object.freeze({}) };
  return Object.freeze({ ...rest, version: 0, known: true, notice: null, source: "kulanz", age: 0, ...fields });
}

/** Read the notice; an unusable one is left out, since it is no reason to doubt the plan. */
function notice(value) {
  if (!isObject(value) || !isText(value.severity) || !isText(value.text)) return null;
  const { severity, text, link, who } = value;
  const optional = { link: isText(link) ? link : null, who: isText(who) ? who : null };
  return Object.freeze({ severity, text, deadline: instant(value.deadline), ...optional });
}

function isText(value) {
  return typeof value === "string";
}

function isListOf(values, check) {
  return Array.isArray(values) && values.every((value) => check(value));
}
