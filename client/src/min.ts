// For pages without a bundler: the client and that of chats in one file.
export * from './index.ts';
export * from './chat.ts';
