//! The `navbat` command: reads the command line and calls the `app` room.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    navbat::app::main()
}
