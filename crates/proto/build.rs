//! Compiles the contracts in `proto/` without a system `protoc`.

mod stubs;

use std::path::{Path, PathBuf};

use prost::Message;

fn main() -> anyhow::Result<()> {
    let root = Path::new("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root.join("trinity"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&files)?;
    // Why: only this encoding keeps the options that are extensions (routes and policies).
    let with_options = compiler.encode_file_descriptor_set();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), &with_options)?;

    let set = prost_types::FileDescriptorSet::decode(with_options.as_slice())?;
    prost_build::Config::new().bytes(["."]).service_generator(Box::new(stubs::Stubs)).compile_fds(set)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
