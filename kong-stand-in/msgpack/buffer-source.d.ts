/** A type of the DOM library that `@msgpack/msgpack`'s declarations name; Node has what it stands for. */
type BufferSource = ArrayBufferView | ArrayBuffer;
