/// A function's entry in a symbol table.
public struct FunctionSymbol: Sendable, Equatable {
  /// The name as the linker knows it, mangled.
  public let name: String
  /// The virtual address of its first instruction.
  public let address: UInt64
  /// Its length in bytes; 0 if the file does not say.
  public let size: UInt64
  /// How far the function can reach: its size, or up to the end of its section if that is unknown.
  let extent: UInt64

  /// A function of known size, from another source than the file's own symbol tables.
  public init(name: String, address: UInt64, size: UInt64) {
    self.init(name: name, address: address, size: size, extent: size)
  }

  init(name: String, address: UInt64, size: UInt64, extent: UInt64) {
    self.name = name
    self.address = address
    self.size = size
    self.extent = extent
  }
}

/// The functions of a file by address, to name the function that an address lies in.
public struct FunctionSymbols: Sendable {
  /// Sorted by address; of several names for one address the one to show comes last.
  public let all: [FunctionSymbol]

  /// How many functions before the nearest one may enclose it, as assembler code does it.
  private static let nesting = 8

  /// Sorts the functions.
  public init(_ symbols: [FunctionSymbol]) {
    all = symbols.sorted {
      // Names take part so that the choice between two for one address is always the same.
      ($0.address, $0.size, $1.name) < ($1.address, $1.size, $0.name)
    }
  }

  /// The nearest function at or before an address that, as far as its length is known, holds it.
  public func containing(_ address: UInt64) -> FunctionSymbol? {
    var low = 0
    var high = all.count
    while low < high {
      let middle = low + (high - low) / 2
      if all[middle].address <= address { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return nil }
    let nearest = all[low - 1].address
    return all[..<low].suffix(Self.nesting).last {
      // A function of unknown length ends where the next one begins.
      address - $0.address < $0.extent && ($0.size > 0 || $0.address == nearest)
    }
  }
}

extension ELFFile {
  /// The functions named in the symbol tables, static (`.symtab`) and dynamic (`.dynsym`).
  ///
  /// - Throws: ``ELFError`` if a table, or the strings it uses, is damaged.
  public func functionSymbols() throws(ELFError) -> FunctionSymbols {
    var found: [FunctionSymbol] = []
    for table in sections
    where table.type == SectionType.symbols || table.type == SectionType.dynamicSymbols {
      try appendFunctions(of: table, to: &found)
    }
    return FunctionSymbols(found)
  }

  private func appendFunctions(
    of table: Section, to found: inout [FunctionSymbol]
  ) throws(ELFError) {
    let entrySize = 24
    guard table.entrySize == entrySize, table.link < sections.count,
      sections[Int(table.link)].type == SectionType.strings
    else {
      throw .malformed(
        file: name, detail: "the header of section \(table.name) is not one of symbols")
    }
    let entries = try contents(of: table)
    let names = try contents(of: sections[Int(table.link)])
    for start in stride(from: 0, to: entries.count - entries.count % entrySize, by: entrySize) {
      let info: UInt8 = entries[entries.startIndex + start + 4]
      let section = Int(entries.littleEndian(at: start + 6, as: UInt16.self) ?? 0)
      let functionTypes: [UInt8] = [2, 10]  // STT_FUNC and STT_GNU_IFUNC
      guard functionTypes.contains(info & 0xf), section != 0 else { continue }
      guard let symbol = Self.string(in: names, at: entries.littleEndian(at: start) ?? 0) else {
        throw .malformed(
          file: name, detail: "a name in section \(table.name) lies outside its strings")
      }
      let address: UInt64 = entries.littleEndian(at: start + 8) ?? 0
      let size: UInt64 = entries.littleEndian(at: start + 16) ?? 0
      found.append(
        FunctionSymbol(
          name: symbol, address: address, size: size,
          extent: size > 0 ? size : distance(from: address, toEndOfSection: section)))
    }
  }

  private func distance(from address: UInt64, toEndOfSection index: Int) -> UInt64 {
    guard index < sections.count, sections[index].contains(address) else { return 0 }
    return sections[index].size - (address - sections[index].address)
  }
}
