/// What glue.c and the kernel offer. Contracts are with the C functions.

@_extern(c, "tidelock_c_symbol")
func kernelSymbol(_ name: UnsafePointer<UInt8>) -> UInt

@_extern(c, "tidelock_c_read_code")
func readCode(_ into: UnsafeMutableRawPointer, _ address: UInt, _ size: UInt) -> Bool

@_extern(c, "tidelock_c_read_file")
func readFile(
  _ path: UnsafePointer<UInt8>, _ buffer: UnsafeMutablePointer<UnsafeMutableRawPointer?>
) -> Int

@_extern(c, "tidelock_c_free")
func freeFile(_ buffer: UnsafeMutableRawPointer?)

@_extern(c, "tidelock_c_sites_path")
func sitesPath() -> UnsafePointer<UInt8>

@_extern(c, "tidelock_c_release")
func kernelRelease() -> UnsafePointer<UInt8>

@_extern(c, "tidelock_c_log")
func kernelLog(_ text: UnsafePointer<UInt8>, _ size: Int32)

/// The kernel's error numbers that the module returns.
enum KernelError {
  static var noEntry: Int { -2 }
  static var busy: Int { -16 }
  static var invalid: Int { -22 }
}
