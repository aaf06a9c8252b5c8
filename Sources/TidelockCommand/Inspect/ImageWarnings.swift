import ELFReader
import Foundation

/// What may surprise users of a file, although each of its sites can be patched.
///
/// A sentence each.
struct ImageWarnings {
  /// The version of the core's note and what it is called: `struct tidelock_core` in LockSites.h.
  private static let core = (owner: "Tidelock", version: UInt32(2))
  /// The constructor by which an image attaches, in LockSites.c.
  private static let attach = "tidelock_attach_image"

  let sentences: [String]

  init(of file: ELFFile, sites: [PatchSite], functions: FunctionSymbols) throws {
    let dynamic = try file.dynamicInformation()
    sentences =
      Self.folded(sites)
      + (try Self.missingCore(file, dynamic))
      // A paravirtual unlock wakes sleepers, whether the core knows the site or not.
      + (sites.contains { $0.form == .native }
        ? try Self.earlyFunctions(file, dynamic, functions) : [])
  }

  private static func folded(_ sites: [PatchSite]) -> [String] {
    let shared = zip(sites, sites.dropFirst()).count { $0.address == $1.address }
    guard shared > 0 else { return [] }
    return [
      "\(counted(shared, "entry", "entries")) of its table "
        + (shared == 1 ? "names" : "name")
        + " a site that another entry names too: the linker has folded equal functions (--icf)."
    ]
  }

  // MARK: The core

  private static func missingCore(
    _ file: ELFFile, _ dynamic: DynamicInformation?
  ) throws -> [String] {
    var search = CoreSearch()
    if try search.finds(from: file, dynamic) { return [] }
    let unknown =
      search.missing.isEmpty
      ? "" : " (not found, so not looked into: \(search.missing.sorted().joined(separator: ", ")))"
    return [
      "It has no core of Tidelock and needs no library that has one\(unknown); the program that loads"
        + " it must have one, or ends there."
    ]
  }

  /// A walk through the libraries that a file needs, those that they need, and so on.
  private struct CoreSearch {
    private(set) var missing: Set<String> = []
    private var seen: Set<String> = []

    mutating func finds(from file: ELFFile, _ dynamic: DynamicInformation?) throws -> Bool {
      if try file.note(owner: core.owner, type: core.version) != nil { return true }
      guard let dynamic else { return false }
      for name in dynamic.needed where seen.insert(name).inserted {
        guard let path = Self.path(of: name, neededBy: file.name, dynamic),
          let library = try? ELFFile(path: path)
        else {
          missing.insert(name)
          continue
        }
        if try finds(from: library, library.dynamicInformation()) { return true }
      }
      return false
    }

    /// Where the dynamic linker would find a library, less what only it knows (its cache).
    private static func path(
      of name: String, neededBy file: String, _ dynamic: DynamicInformation
    ) -> String? {
      if name.contains("/") { return name }
      let origin = URL(fileURLWithPath: file).resolvingSymlinksInPath().deletingLastPathComponent()
      let environment = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] ?? ""
      let folders =
        dynamic.searchPath + environment.split(separator: ":").map(String.init)
        + ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib"]
        + ["/usr/lib", "/usr/local/lib"]
      return folders.lazy.map { folder in
        folder.replacing("${ORIGIN}", with: origin.path).replacing("$ORIGIN", with: origin.path)
          + "/\(name)"
      }.first { FileManager.default.fileExists(atPath: $0) }
    }
  }

  // MARK: Before the image attaches

  /// Functions that the loader calls before the constructor of LockSites.c.
  private static func earlyFunctions(
    _ file: ELFFile, _ dynamic: DynamicInformation?, _ functions: FunctionSymbols
  ) throws -> [String] {
    guard let dynamic else { return [] }
    func name(_ address: UInt64) -> String {
      functions.containing(address).map { demangled($0.name) } ?? hexadecimal(address)
    }
    var early: [String] = []
    if let array = dynamic.earliestFunctions {
      early += try file.pointers(atVirtualAddress: array.address, size: array.size).map(name)
    }
    // Every file has a function `_init` in the section .init, which does nothing.
    if let first = dynamic.initFunction, first != file.section(named: ".init")?.address {
      early.append(name(first))
    }
    if let array = dynamic.constructors {
      let constructors = try file.pointers(atVirtualAddress: array.address, size: array.size)
      let own = Set(functions.all.lazy.filter { $0.name.hasPrefix(attach) }.map(\.address))
      // In a file without local symbols it cannot be identified.
      if let attaching = constructors.firstIndex(where: own.contains) {
        early += constructors[..<attaching].map(name)
      }
    }
    guard !early.isEmpty else { return [] }
    return [
      "\(early.joined(separator: ", ")) \(early.count == 1 ? "runs" : "run") before its sites are known"
        + " to the core: an unlock there may leave a sleeper waiting for a tenth of a second."
    ]
  }
}

private func counted(_ count: Int, _ one: String, _ several: String) -> String {
  "\(count) \(count == 1 ? one : several)"
}
