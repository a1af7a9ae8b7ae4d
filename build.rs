//! Compiles `proto/*.proto` into the `b3lb-proto` crate with protox, so that no `protoc` is needed, and writes the descriptor set
//! that gRPC reflection serves.

use prost::Message;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The root package would otherwise own the whole repository: an edit of the README would rebuild every crate.
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["proto/placement.proto", "proto/admin.proto"], ["proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), files.encode_to_vec())?;
    let services = files.file.iter().flat_map(|file| &file.service).filter(|service| service.name() == "Admin");
    let methods: Vec<_> = services.flat_map(|service| &service.method).map(|method| method.name()).collect();
    std::fs::write(out.join("admin_methods.rs"), format!("&{methods:?}"))?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
