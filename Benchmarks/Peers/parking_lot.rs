// parking_lot::RawMutex, of the crate parking_lot: peer.h in Rust.
use parking_lot::lock_api::RawMutex as _;
use parking_lot::RawMutex;
use std::ffi::c_void;

#[no_mangle]
pub extern "C" fn peer_size() -> usize {
    std::mem::size_of::<RawMutex>()
}

/// # Safety
/// As peer.h says: memory for a lock, its own.
#[no_mangle]
pub unsafe extern "C" fn peer_init(lock: *mut c_void) {
    lock.cast::<RawMutex>().write(RawMutex::INIT);
}

/// # Safety
/// A lock that `peer_init` made.
#[no_mangle]
pub unsafe extern "C" fn peer_lock(lock: *mut c_void) {
    (*lock.cast::<RawMutex>()).lock();
}

/// # Safety
/// A lock that this thread holds.
#[no_mangle]
pub unsafe extern "C" fn peer_unlock(lock: *mut c_void) {
    (*lock.cast::<RawMutex>()).unlock();
}
