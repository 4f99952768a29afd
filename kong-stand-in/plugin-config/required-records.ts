import { recordFields, type FieldSchema } from './field-schema';

/**
 * A plugin's schema as Kong takes it. A record that does not say `required` is required, and so is every such record
 * straight within it (kong/db/schema/entity.lua `make_records_required`). Records in arrays, sets and maps stay as they
 * are.
 */
export function withRequiredRecords(record: FieldSchema): FieldSchema {
  return {
    ...record,
    required: record.required ?? true,
    fields: recordFields(record).map(([name, field]) => ({
      [name]: field.type === 'record' ? withRequiredRecords(field) : field,
    })),
  };
}
