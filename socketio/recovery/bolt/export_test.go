package bolt

// OpenSince is Open since the machine was started under a name.
var OpenSince = open
