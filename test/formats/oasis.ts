import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";

const ROOT = resolve(import.meta.dirname, "../fixtures/stix-schemas");

function load(): Ajv2020 {
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false, unicodeRegExp: false });
  for (const folder of ["common", "observables", "sdos", "sros"]) {
    for (const file of readdirSync(join(ROOT, folder))) {
      ajv.addSchema(JSON.parse(readFileSync(join(ROOT, folder, file), "utf8")));
    }
  }
  return ajv;
}

const AJV = load();
const BASE = "http://raw.githubusercontent.com/oasis-open/cti-stix2-json-schemas/stix2.1/schemas";
const PLACES: Readonly<Record<string, string>> = {
  "marking-definition": "common",
  sighting: "sros",
};

/** What the schemas that OASIS has published find wrong with a bundle and with each object in it. */
export function problemsOf(bundle: { readonly objects?: readonly { readonly type: string }[] }): readonly string[] {
  const all = [["common/bundle", bundle] as const].concat(
    (bundle.objects ?? []).map((object) => [`${PLACES[object.type] ?? "sdos"}/${object.type}`, object] as never),
  );
  return all.flatMap(([schema, object]) => {
    const validate = AJV.getSchema(`${BASE}/${schema}.json`);
    if (!validate) {
      return [`there is no schema ${schema}`];
    }
    return validate(object) ? [] : [`${schema}: ${AJV.errorsText(validate.errors)} in ${JSON.stringify(object)}`];
  });
}
