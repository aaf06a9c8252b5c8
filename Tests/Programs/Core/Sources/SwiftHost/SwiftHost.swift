import Glibc
import Tidelock

/// Loads a library that is written in C and linked with libtidelock.so, which brings a core as well: the
/// process has one, this program's, and each switches the locks of both.
@main
enum SwiftHost {
  static let counter = Mutex(0)

  static func main() {
    // The argument is a C string as long as the process lives.
    guard CommandLine.arguments.count == 2,
      let library = unsafe dlopen(CommandLine.arguments[1], RTLD_NOW | RTLD_LOCAL)
    else { fail("the library was not loaded") }
    // A policy that the environment asks for is one for the process, not one for each core.
    if let wanted = unsafe getenv("TIDELOCK_SET"), unsafe strcmp(wanted, "auto") == 0 {
      guard threads == 2 else { fail("there are \(threads) threads, not a policy's and this one") }
      return
    }
    // Contract of Tests/Programs/c-plugin.c.
    typealias OfSet = @convention(c) (UInt32) -> Int32
    let switchTo = unsafe function(library, "plugin_switch", as: OfSet.self)
    let use = unsafe function(library, "plugin_use", as: OfSet.self)
    let current = unsafe function(library, "plugin_current", as: (@convention(c) () -> UInt32).self)

    for set in [LockSet.native, .testAndSet, .paravirtual, .native] {
      guard (try? LockOperations.switch(to: set)) != nil else { fail("a switch was refused") }
      guard current() == UInt32(set.rawValue) else { fail("the library has another set") }
      guard use(UInt32(set.rawValue)) == 0 else { fail("the library's sites did not follow") }
    }
    for set in [LockSet.paravirtual, .testAndSet, .native] {
      guard switchTo(UInt32(set.rawValue)) == 0 else { fail("the library's switch failed") }
      guard LockOperations.current == set else { fail("the program has another set") }
      counter.withLock { $0 += 1 }
      guard use(UInt32(set.rawValue)) == 0 else { fail("the library's sites did not follow") }
    }
    guard counter.withLock({ $0 }) == 3 else { fail("the program's lock does not work") }
    guard unsafe dlclose(library) == 0, (try? LockOperations.switch(to: .paravirtual)) != nil else {
      fail("no switch without the library")
    }
  }

  private static var threads: Int {
    // Opened here, read by nobody else, and closed below.
    guard let tasks = unsafe opendir("/proc/self/task") else { fail("there is no /proc") }
    defer { unsafe closedir(tasks) }
    var count = 0
    // An entry is valid until the next call.
    while let entry = unsafe readdir(tasks) {
      if unsafe entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
    }
    return count
  }

  private static func function<Function>(
    _ library: UnsafeMutableRawPointer, _ name: String, as type: Function.Type
  ) -> Function {
    // A name that the library exports, of this type.
    guard let symbol = unsafe dlsym(library, name) else {
      fail("the library has no \(name)")
    }
    return unsafe unsafeBitCast(symbol, to: type)
  }

  private static func fail(_ what: String) -> Never {
    print(what)
    exit(1)
  }
}
