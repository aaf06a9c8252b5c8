/// What a file asks of the dynamic linker.
public struct DynamicInformation: Sendable {
  /// The libraries that the file names as needed, in its order.
  public let needed: [String]
  /// The folders in which they are looked for first, as the file says it.
  public let searchPath: [String]
  /// The entries that hold addresses and sizes, by their `DT_` numbers.
  private let values: [UInt64: UInt64]

  /// The address of the function that runs first when the file is loaded (`-init`).
  public var initFunction: UInt64? { values[12] }

  /// Where the pointers to a program's functions lie that run before those of any library.
  public var earliestFunctions: (address: UInt64, size: UInt64)? { array(32, 33) }

  /// Where the pointers to the constructors lie, in the order in which they run.
  public var constructors: (address: UInt64, size: UInt64)? { array(25, 27) }

  private func array(_ address: UInt64, _ size: UInt64) -> (address: UInt64, size: UInt64)? {
    guard let address = values[address], let size = values[size], size > 0 else { return nil }
    return (address, size)
  }

  init(needed: [String], searchPath: [String], values: [UInt64: UInt64]) {
    self.needed = needed
    self.searchPath = searchPath
    self.values = values
  }
}

extension ELFFile {
  /// The section `.dynamic`; nil in a file that no dynamic linker loads.
  ///
  /// - Throws: ``ELFError`` if the section, or the strings it uses, is damaged.
  public func dynamicInformation() throws(ELFError) -> DynamicInformation? {
    guard let section = sections.first(where: { $0.type == SectionType.dynamic }) else {
      return nil
    }
    guard section.link < sections.count, sections[Int(section.link)].type == SectionType.strings
    else {
      throw .malformed(file: name, detail: "its section \(section.name) names no strings")
    }
    let strings = try contents(of: sections[Int(section.link)])
    let entries = try contents(of: section)
    var needed: [String] = []
    var searchPath: [String] = []
    var values: [UInt64: UInt64] = [:]
    for start in stride(from: 0, to: entries.count - entries.count % 16, by: 16) {
      let tag: UInt64 = entries.littleEndian(at: start) ?? 0
      let value: UInt64 = entries.littleEndian(at: start + 8) ?? 0
      // DT_NULL ends them; DT_NEEDED, DT_RPATH and DT_RUNPATH are strings.
      if tag == 0 { break }
      guard [1, 15, 29].contains(tag) else {
        values[tag] = value
        continue
      }
      guard let string = UInt32(exactly: value).flatMap({ Self.string(in: strings, at: $0) }) else {
        throw .malformed(
          file: name, detail: "a name in its section \(section.name) lies outside its strings")
      }
      if tag == 1 { needed.append(string) } else { searchPath += Self.folders(string) }
    }
    return DynamicInformation(needed: needed, searchPath: searchPath, values: values)
  }

  private static func folders(_ path: String) -> [String] {
    path.split(separator: ":").map(String.init)
  }

  /// The pointers at an address, before the file is loaded anywhere: where a dynamic linker fills one
  /// in, what it will be at address 0.
  ///
  /// - Throws: ``ELFError`` if no segment holds them or a table of relocations is damaged.
  public func pointers(
    atVirtualAddress address: UInt64, size: UInt64
  ) throws(ELFError) -> [UInt64] {
    guard let count = Int(exactly: size) else {
      throw .malformed(file: name, detail: "it claims an array of \(size) bytes")
    }
    let bytes = try bytes(atVirtualAddress: address, count: count)
    var pointers = stride(from: 0, to: count - count % 8, by: 8).map {
      bytes.littleEndian(at: $0, as: UInt64.self) ?? 0
    }
    for table in sections where table.type == SectionType.relocations {
      let entries = try contents(of: table)
      for start in stride(from: 0, to: entries.count - entries.count % 24, by: 24) {
        let place: UInt64 = entries.littleEndian(at: start) ?? 0
        guard place >= address, (place - address) / 8 < pointers.count else { continue }
        let addend: UInt64 = entries.littleEndian(at: start + 16) ?? 0
        switch entries.littleEndian(at: start + 8, as: UInt32.self) {
        case 8:  // R_X86_64_RELATIVE
          pointers[Int((place - address) / 8)] = addend
        case 1:  // R_X86_64_64, for a symbol that another file may define instead
          let symbol: UInt32 = entries.littleEndian(at: start + 12) ?? 0
          pointers[Int((place - address) / 8)] = try value(ofSymbol: symbol, table.link) &+ addend
        default: continue
        }
      }
    }
    return pointers
  }

  /// What this file says that a symbol's value is.
  private func value(ofSymbol index: UInt32, _ table: UInt32) throws(ELFError) -> UInt64 {
    guard table < sections.count, sections[Int(table)].type == SectionType.dynamicSymbols,
      let value: UInt64 = try contents(of: sections[Int(table)])
        .littleEndian(at: Int(index) * 24 + 8)
    else {
      throw .malformed(file: name, detail: "a relocation names symbol \(index), which is not there")
    }
    return value
  }
}
