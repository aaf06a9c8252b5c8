import Foundation
import Testing

@testable import LockBenchmarks

extension SwitchingTests {
  @Suite struct PeerTests {
    /// A library of this source, in a folder that goes with the test.
    private func withLibrary(_ source: String, _ body: (String) throws -> Void) throws {
      let folder = FileManager.default.temporaryDirectory.appending(path: "peer-\(UUID())").path
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let header = URL(filePath: #filePath).appending(path: "../../../Peers").standardized.path
      let path = folder + "/peer.so"
      try CCompiler.find().library(of: source, at: path, options: ["-I", header])
      try body(path)
    }

    private func source(lock: String, size: String = "sizeof(pthread_mutex_t)") -> String {
      """
      #include <pthread.h>
      #include "peer.h"
      size_t peer_size(void) { return \(size); }
      void peer_init(void *lock) { pthread_mutex_init(lock, NULL); }
      void peer_lock(void *lock) { \(lock) }
      void peer_unlock(void *lock) { pthread_mutex_unlock(lock); }
      """
    }

    private func load(_ contestant: Contestant) throws -> Load.Result {
      try contestant.load(3, Sections(inside: 5000, outside: 1000)) { Clock.sleep(seconds: 0.1) }
    }

    @Test func `a lock from a library excludes like one of ours`() throws {
      try withLibrary(source(lock: "pthread_mutex_lock(lock);")) { path in
        let result = try load(PeerLibrary("peer", at: path).contestant)
        #expect(result.lostUpdates == 0)
        #expect(result.operations.reduce(0, +) > 0)
      }
    }

    @Test func `one that excludes nobody is caught`() throws {
      try withLibrary(
        source(lock: "(void)lock;").replacing("pthread_mutex_unlock(lock)", with: "(void)lock")
      ) {
        let result = try load(PeerLibrary("peer", at: $0).contestant)
        #expect(result.lostUpdates > 0)
      }
    }

    @Test func `what is no peer is refused by name`() throws {
      #expect {
        _ = try PeerLibrary("peer", at: "/nonexistent/peer.so")
      } throws: {
        "\($0)".hasPrefix("The peer /nonexistent/peer.so cannot be loaded (")
      }
      try withLibrary("int something;") { path in
        #expect(throws: PeerError.incomplete(path, "peer_size")) {
          _ = try PeerLibrary("peer", at: path)
        }
      }
      try withLibrary(source(lock: "(void)lock;", size: "0")) { path in
        #expect(throws: PeerError.size(path, 0)) { _ = try PeerLibrary("peer", at: path) }
      }
    }

    @Test func `an option is a name and a file`() {
      #expect(
        Benchmarks.Peer(argument: "absl=a=b.so").map { [$0.name, $0.file] } == ["absl", "a=b.so"])
      for text in ["absl", "=a.so", "absl=", ""] { #expect(Benchmarks.Peer(argument: text) == nil) }
    }

    @Test func `without a C compiler its absence is said`() {
      #expect {
        _ = try CCompiler.find(in: ["PATH": "/nonexistent"])
      } throws: {
        "\($0)".hasPrefix("No C compiler was found (cc, clang, gcc)")
      }
    }
  }
}
