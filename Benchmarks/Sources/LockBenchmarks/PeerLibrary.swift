import Glibc

/// Somebody else's lock in a shared library, with the functions of Peers/peer.h.
@safe struct PeerLibrary: Sendable {
  typealias Operation = @convention(c) (UnsafeMutableRawPointer) -> Void

  let name: String
  let size: Int
  let initialize, lock, unlock: Operation

  /// Loads the library, for as long as the process lives.
  init(_ name: String, at path: String) throws(PeerError) {
    // A name without a slash would be looked for in the system's folders.
    let file = path.contains("/") ? path : "./" + path
    // The library's constructors run, as whoever names it wants.
    guard let library = unsafe dlopen(file, RTLD_NOW | RTLD_LOCAL) else {
      // dlerror's text is this thread's until its next call.
      throw .unloadable(
        path, unsafe dlerror().map { unsafe String(cString: $0) } ?? "no reason given")
    }
    func find(_ symbol: String) throws(PeerError) -> UnsafeMutableRawPointer {
      guard let address = unsafe dlsym(library, symbol) else { throw .incomplete(path, symbol) }
      return unsafe address
    }
    // Contract of peer.h: these are functions of these types, and the library is never closed.
    self.name = name
    let size = try unsafe unsafeBitCast(
      find("peer_size"), to: (@convention(c) () -> Int).self)
    unsafe initialize = try unsafeBitCast(find("peer_init"), to: Operation.self)
    unsafe lock = try unsafeBitCast(find("peer_lock"), to: Operation.self)
    unsafe unlock = try unsafeBitCast(find("peer_unlock"), to: Operation.self)
    self.size = size()
    guard 1...65536 ~= self.size else { throw .size(path, self.size) }
  }

  var contestant: Contestant { Contestant(name) { PeerLock(self) } }
}

/// One lock of a library.
@safe struct PeerLock: BenchmarkLock, @unchecked Sendable {
  private let memory: UnsafeMutableRawPointer
  private let word: UnsafeMutablePointer<UInt64>
  private let lock, unlock: PeerLibrary.Operation

  init(_ library: PeerLibrary) {
    let offset = (library.size + 7) / 8 * 8
    let line = 128
    let size = (offset + 8 + line - 1) / line * line
    // Zero, and with lines of its own; the word has the 8 bytes behind the lock.
    unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: line)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    unsafe word = (memory + offset).bindMemory(to: UInt64.self, capacity: 1)
    unsafe (lock, unlock) = (library.lock, library.unlock)
    unsafe library.initialize(memory)
  }

  // Contract of peer.h: the lock's memory stays until `free`.
  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    unsafe lock(memory)
    unsafe section(&word.pointee)
    unsafe unlock(memory)
  }

  func free() { unsafe memory.deallocate() }
}

/// Why a library is no peer.
enum PeerError: Error, Equatable, CustomStringConvertible {
  case unloadable(String, String)
  case incomplete(String, String)
  case size(String, Int)

  var description: String {
    switch self {
    case .unloadable(let path, let reason):
      "The peer \(path) cannot be loaded (\(reason)); Benchmarks/Peers/build makes some that can."
    case .incomplete(let path, let symbol):
      "The peer \(path) has no function \(symbol); it needs the four of Benchmarks/Peers/peer.h."
    case .size(let path, let size):
      "The peer \(path) says that a lock has \(size) bytes; peer_size returns 1 to 65,536."
    }
  }
}
