// <kulanz-notice>: shows the `notice` of an entitlement answer; no dependency, no inline style, no HTML from text.
// Attributes: `src`, an address of your own product that answers the entitlement or the notice as JSON (never give the
// API token to a browser), or `notice`, that JSON itself; `label`, the words of the link; `refresh`, seconds.
(() => {
  "use strict";
  if (customElements.get("kulanz-notice")) return;
  const LABELS = { de: "Zur Zahlung", en: "Go to payment" };
  const SEVERITIES = new Set(["info", "warning", "critical"]);
  const SHORTEST_REFRESH = 30;
  const STYLE = `
    :host { display: block }
    :host([hidden]) { display: none }
    [part="notice"] {
      display: flex; flex-wrap: wrap; gap: .5em 1em; align-items: baseline; justify-content: space-between;
      padding: .75em 1em; border-inline-start: .3em solid; font: inherit; line-height: 1.4; overflow-wrap: anywhere;
      background: var(--kulanz-background, #fff8e1); color: var(--kulanz-color, #4a3500);
    }
    [part="notice"][data-severity="info"] {
      background: var(--kulanz-background, #e8f1fd); color: var(--kulanz-color, #0b3a75);
    }
    [part="notice"][data-severity="critical"] {
      background: var(--kulanz-background, #fdecea); color: var(--kulanz-color, #7a1410);
    }
    p { margin: 0; flex: 1 1 16em; unicode-bidi: plaintext }
    a { color: inherit; font-weight: 600; text-underline-offset: .15em }
    a:focus-visible { outline: .15em solid; outline-offset: .2em }`;

  const parsed = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  };
  const usable = (notice) => notice !== null && typeof notice === "object" && typeof notice.text === "string" && notice.text;
  const noticeIn = (document) => {
    const notice = document && typeof document === "object" && "notice" in document ? document.notice : document;
    return usable(notice) ? notice : null;
  };
  const webAddress = (link) => {
    try {
      const url = new URL(link);
      return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
    } catch {
      return null;
    }
  };

  class KulanzNotice extends HTMLElement {
    static observedAttributes = ["src", "notice", "label", "refresh"];
    #box = document.createElement("div");
    #shown = "";
    #asked = 0;
    #timer;

    constructor() {
      super();
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet];
      // The live region is there, empty, before its text: only so do screen readers speak what comes into it.
      this.#box.setAttribute("role", "status");
      root.append(this.#box);
    }

    connectedCallback() {
      this.#update();
    }

    disconnectedCallback() {
      clearTimeout(this.#timer);
      this.#asked += 1;
    }

    attributeChangedCallback(name, before, after) {
      if (before === after || !this.isConnected) return;
      if (name === "label") this.#shown = "";
      this.#update();
    }

    async #update() {
      clearTimeout(this.#timer);
      const asked = (this.#asked += 1);
      const given = this.getAttribute("notice");
      if (given !== null) return this.#show(noticeIn(parsed(given)));
      const src = this.getAttribute("src");
      if (!src) return this.#show(null);
      let answer;
      try {
        const response = await fetch(src, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        if (response.ok) answer = noticeIn(await response.json());
        else if (response.status === 404) answer = null;
      } catch {
        // What was shown last stays: no answer is no news.
      }
      if (asked !== this.#asked) return undefined;
      if (answer !== undefined) this.#show(answer);
      const seconds = Number(this.getAttribute("refresh"));
      if (seconds > 0) this.#timer = setTimeout(() => this.#update(), Math.max(seconds, SHORTEST_REFRESH) * 1000);
      return undefined;
    }

    #show(notice) {
      const shown = JSON.stringify(notice);
      if (shown === this.#shown) return;
      this.#shown = shown;
      this.#box.setAttribute("role", notice?.severity === "critical" ? "alert" : "status");
      this.#box.replaceChildren(...(notice ? [this.#banner(notice)] : []));
      this.dispatchEvent(new CustomEvent("kulanz-notice", { bubbles: true, detail: notice }));
    }

    #banner(notice) {
      const banner = document.createElement("div");
      banner.setAttribute("part", "notice");
      banner.dataset.severity = SEVERITIES.has(notice.severity) ? notice.severity : "warning";
      const text = document.createElement("p");
      text.textContent = notice.text;
      banner.append(text);
      const href = webAddress(notice.link);
      if (href) {
        const link = document.createElement("a");
        link.setAttribute("part", "link");
        link.href = href;
        link.rel = "noopener";
        link.textContent = this.getAttribute("label") || LABELS[this.#language()] || LABELS.en;
        banner.append(link);
      }
      return banner;
    }

    #language() {
      return (this.closest("[lang]")?.lang || navigator.language || "").slice(0, 2).toLowerCase();
    }
  }
  customElements.define("kulanz-notice", KulanzNotice);
})();
