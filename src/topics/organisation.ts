import { readSubject } from "./nouns.ts";
import { defineTopic, readLines } from "./topic.ts";
import { need } from "./values.ts";

/** `misp_json_organisation`: an organisation was stored. What came by sync or from a feed is called `Orgc`. */
export const organisation = defineTopic({
  name: "misp_json_organisation",
  read(body) {
    const raw = need(body.Organisation ?? body.Orgc, "organisation");
    return {
      kind: "organisation.changed",
      subject: readSubject("organisation", raw),
      lines: readLines({
        name: raw.name,
        nationality: raw.nationality,
        sector: raw.sector,
        description: raw.description,
      }),
    };
  },
});
