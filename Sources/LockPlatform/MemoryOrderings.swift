// Memory orderings, named as in swift-atomics. No operation of this house has a default one.
//
//   acquiring   nothing after it in program order is seen before it. Pairs with a releasing
//               operation on the same word by another CPU: what that CPU did before its release
//               is visible after our acquire.
//   releasing   nothing before it in program order is seen after it.
//   relaxed     atomic, and nothing else. Every relaxed access says why that is enough.
//
// On x86-64 (Intel SDM vol. 3A 9.2, AMD APM vol. 2 7.2) a plain load acquires, a plain store
// releases, and an update (exchange, compare-exchange, or) is a full barrier whatever it is called
// here. The names still matter: the compiler obeys them, and the model checker runs the weaker ones.

/// The ordering of an atomic load.
@frozen public enum LoadOrdering: Sendable {
  /// Atomic, and nothing else.
  case relaxed
  /// Nothing after the load is seen before it.
  case acquiring
}

/// The ordering of an atomic store.
@frozen public enum StoreOrdering: Sendable {
  /// Atomic, and nothing else.
  case relaxed
  /// Nothing before the store is seen after it.
  case releasing
}

/// The ordering of an atomic read-modify-write.
@frozen public enum UpdateOrdering: Sendable {
  /// Atomic, and nothing else.
  case relaxed
  /// Nothing after the update is seen before it.
  case acquiring
  /// Nothing before the update is seen after it.
  case releasing
  /// Both.
  case acquiringAndReleasing
  /// Both, and one total order with every other such update: what a store-then-load handshake
  /// (set my flag, look at yours) needs on both sides.
  case sequentiallyConsistent
}
