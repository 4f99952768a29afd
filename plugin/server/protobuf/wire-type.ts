/** ProtoBuf's wire types, the low three bits of a tag (protobuf.dev, "Encoding"). Groups are none of Kong's. */
export const VARINT = 0;
/** Eight bytes. */
export const FIXED64 = 1;
/** A length as a varint, then that many bytes. */
export const DELIMITED = 2;
/** Four bytes. */
export const FIXED32 = 5;

const WIRE_TYPE_BITS = 3;

/** The tag before a field's value. */
export function tag(field: number, wireType: number): number {
  return (field << WIRE_TYPE_BITS) | wireType;
}

/** The wire type of a tag. */
export function wireTypeOf(fieldTag: number): number {
  return fieldTag & ((1 << WIRE_TYPE_BITS) - 1);
}

/** The field number of a tag. */
export function fieldOf(fieldTag: number): number {
  return fieldTag >>> WIRE_TYPE_BITS;
}
