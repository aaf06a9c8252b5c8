extension ELFFile {
  /// The linker's build id, which no two different builds share; nil if the file has none.
  ///
  /// - Throws: ``ELFError`` if the notes are damaged.
  public func buildID() throws(ELFError) -> [UInt8]? {
    let buildIDType: UInt32 = 3
    return try note(owner: "GNU", type: buildIDType)
  }

  /// The content of the first note of an owner and type; nil if the file has none.
  ///
  /// - Throws: ``ELFError`` if the notes are damaged.
  public func note(owner: String, type: UInt32) throws(ELFError) -> [UInt8]? {
    for segment in segments where segment.holdsNotes {
      let part = "notes at \(hexadecimal(segment.address))"
      let notes = try slice(segment.offset, segment.fileSize, part: part)
      if let content = try Self.note(owner, type, in: notes, part, name) { return content }
    }
    for section in sections where section.type == SectionType.note {
      let part = "section \(section.name)"
      if let content = try Self.note(owner, type, in: contents(of: section), part, name) {
        return content
      }
    }
    return nil
  }

  /// Looks through notes: lengths of name and content, type, name, content, padded to 4 bytes.
  private static func note(
    _ owner: String, _ type: UInt32, in notes: ArraySlice<UInt8>, _ part: String, _ file: String
  ) throws(ELFError) -> [UInt8]? {
    let name = Array(owner.utf8) + [0]
    var rest = notes
    while rest.count >= 12 {
      let nameLength = Int(rest.littleEndian(at: 0, as: UInt32.self) ?? 0)
      let contentLength = Int(rest.littleEndian(at: 4, as: UInt32.self) ?? 0)
      let contentStart = 12 + padded(nameLength)
      guard contentLength <= rest.count, contentStart <= rest.count - contentLength else {
        throw .malformed(file: file, detail: "a note in its \(part) is longer than the notes")
      }
      let content = rest.dropFirst(contentStart).prefix(contentLength)
      if rest.littleEndian(at: 8) == type,
        rest.dropFirst(12).prefix(nameLength).elementsEqual(name)
      {
        return Array(content)
      }
      rest = rest.dropFirst(contentStart + padded(contentLength))
    }
    return nil
  }

  private static func padded(_ length: Int) -> Int { (length + 3) & ~3 }
}
