// The stock kong-js-pluginserver loads every file of a folder as a plugin: this folder holds this one.
export * from '../index';
