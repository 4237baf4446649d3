import { describe, expect, it } from "vitest";
import { GOLDEN_NAMES, goldenPayload } from "../../support/golden.ts";
import { payload, publication } from "../../support/payloads.ts";
import { openEmail } from "./open.ts";

const NOWHERE = { host: "localhost", port: 1 };

describe("email's preview", () => {
  it("is the mail as people read it, with its sizes", async () => {
    const { destination } = openEmail(NOWHERE, { attach: ["csv"], cc: "Lead <lead@example.org>" });
    await using _ = destination;
    const { body, sizes, trimmed, html } = await destination.preview(payload([publication()]));
    expect(body).toContain("Cc: Lead <lead@example.org>\n");
    expect(body).toContain("Subject: [MISP] [TLP:AMBER] High - Emotet");
    expect(body).toContain("Attached: indicators-7-of-37.csv\n");
    expect(body).toContain("url: hxxps://bad[.]example/gate.php");
    expect(sizes.map(({ what }) => what)).toEqual(["subject", "HTML part", "indicators-7-of-37.csv"]);
    expect(sizes.every(({ used, limit }) => used > 0 && used <= limit)).toBe(true);
    expect(trimmed).toEqual([
      "30 attributes left out of indicators-7-of-37.csv",
      "30 attributes of 37 not listed (show: 20)",
    ]);
    expect(html).toContain("default-src &#39;none&#39;".replaceAll("&#39;", "'"));
    expect(html).toContain("prefers-color-scheme: dark");
    expect(html).toContain("Lead &lt;lead@example.org&gt;");
  });

  it.each(GOLDEN_NAMES)("draws %s with nothing remote and no script", async (name) => {
    const { destination } = openEmail(NOWHERE);
    await using _ = destination;
    const { html } = await destination.preview(await goldenPayload(name));
    expect(html).not.toMatch(/<script|<img|<link|<iframe|@import|url\(|\son\w+=/i);
    // What the configuration links to: MISP, and the operator's own pages.
    for (const [, url] of html.matchAll(/href="([^"]*)"/g)) {
      expect(url).toMatch(/^https:\/\/(misp|wiki|siem)\.example\.org\//);
    }
  });
});
