package packed

// Without is facts as they are packed.
var Without = without
