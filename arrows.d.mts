export declare const ARROWS: Readonly<Record<string, readonly string[]>>;
export declare const AROUND: readonly string[];
