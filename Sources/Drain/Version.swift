/// The version of the library and of `drain-run`.
public let drainVersion = "0.1.0"
