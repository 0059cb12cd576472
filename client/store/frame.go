package store

const frameHead = 4 + 4 + 4 // length of the body, its CRC, CRC of this and of the place
