import { RingBudget, type TenantRings } from '../../../sidecar/resume/ring-budget';

/** An account for rings that may hold any number of bytes. */
export function unboundedRings(): TenantRings {
  return new RingBudget({ totalBytes: Infinity, tenantBytes: Infinity }).open('acme');
}
