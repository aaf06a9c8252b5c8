import KernelText

/// The entry points that glue.c calls.

struct State {
  var sites = 0
  var native = 0
}
nonisolated(unsafe) var state = State()

func loadAll() throws(LoadError) {
  let symbols = try KernelSymbols()
  var buffer: UnsafeMutableRawPointer?
  let size = unsafe readFile(sitesPath(), &buffer)
  guard size >= 16, let table = unsafe buffer else { throw .noTable }
  defer { unsafe freeFile(table) }
  guard unsafe table.load(as: UInt64.self) == 0x4b43_4f4c_4544_4954 else { throw .notATable }
  let count = Int(unsafe table.load(fromByteOffset: 8, as: UInt64.self))
  guard size == 16 + 16 * count else { throw .notATable }
  for index in 0..<count {
    let site = unsafe symbols.text + UInt(table.load(fromByteOffset: 16 + 16 * index, as: UInt64.self))
    let operation = unsafe UInt8(truncatingIfNeeded: table.load(fromByteOffset: 24 + 16 * index, as: UInt64.self))
    var bytes: UInt64 = 0
    guard unsafe readCode(&bytes, site, 6) else { throw .unreadable(site: site) }
    let target: UInt
    let expected: UInt64
    switch operation {
    case 0: (target, expected) = (symbols.paravirtualSlowPath, call(site, symbols.nativeSlowPath))
    case 1: (target, expected) = (symbols.paravirtualUnlock, 0x001f_0f00_07c6)
    case 2: (target, expected) = (symbols.kvmWait, 0x0000_441f_0f66)
    case 3: (target, expected) = (symbols.kvmKick, 0x0000_441f_0f66)
    default: (target, expected) = (symbols.kvmIsPreempted, 0x001f_0fc0_3148)
    }
    if bytes == expected {
      unsafe state.native += 1
    } else if bytes != call(site, target) {
      throw .unknownBytes(site: site, operation: operation, found: bytes, expected: expected)
    }
  }
  unsafe state.sites = count
}

func call(_ site: UInt, _ target: UInt) -> UInt64 {
  let distance = UInt32(truncatingIfNeeded: target &- site &- 5)
  return 0x90 << 40 | UInt64(distance) << 8 | 0xe8
}

@_cdecl("tidelock_load")
func load() -> Int32 {
  do throws(LoadError) {
    try loadAll()
    return 0
  } catch {
    withLine { line in
      switch error {
      case .noSymbol(let name):
        line.write("this kernel has no ")
        line.write(name)
      case .noTable: line.write("cannot read the site table")
      case .notATable: line.write("not a site table")
      case .unknownBytes(let site, let operation, let found, let expected):
        line.write("site ")
        line.write(hex: UInt64(site), digits: 16)
        line.write(" of operation ")
        line.write(decimal: UInt64(operation))
        line.write(" holds ")
        line.write(code: found, count: 6)
        line.write(", expected ")
        line.write(code: expected, count: 6)
      case .unreadable(let site):
        line.write("site unreadable ")
        line.write(hex: UInt64(site), digits: 16)
      }
    }
    return -22
  }
}

func withLine(_ body: (inout TextBuffer) -> Void) {
  var memory: InlineArray<256, UInt8> = .init(repeating: 0)
  var span = memory.mutableSpan
  unsafe span.withUnsafeMutableBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    var line = unsafe TextBuffer(base, capacity: buffer.count)
    body(&line)
    unsafe kernelLog(base, Int32(line.count))
  }
}

@_cdecl("tidelock_unload")
func unload() {
  withLine { $0.write("unloaded") }
}

@_cdecl("tidelock_show")
func show(_ attribute: Int32, _ page: UnsafeMutablePointer<UInt8>, _ size: Int) -> Int {
  var text = unsafe TextBuffer(page, capacity: size)
  text.write("sites ")
  unsafe text.write(decimal: state.sites)
  text.write(" native ")
  unsafe text.write(decimal: state.native)
  text.write("\n")
  return text.count
}

@_cdecl("tidelock_store")
func store(_ attribute: Int32, _ text: UnsafePointer<UInt8>, _ size: Int) -> Int {
  return -22
}
