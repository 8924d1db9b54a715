//! Packs the page's files, so that a process holds no copy of them on its heap.
//!
//! Each file below `web` becomes `OUT_DIR/web/….gz`; the page itself gets its folder's name, which is the fingerprint of all files.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The page, and where it names the folder of its files.
const PAGE: &str = "page.html";
const PLACEHOLDER: &str = "{assets}";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=web");
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("web");
    let mut files = Vec::new();
    read(Path::new("web"), "", &mut files)?;
    files.sort();
    let tag = fingerprint(&files);
    for (name, bytes) in files {
        let path = out.join(&name);
        fs::create_dir_all(path.parent().ok_or("a file has a folder")?)?;
        let bytes = match name.as_str() {
            PAGE => {
                let folder = format!("assets/{tag}");
                let page = String::from_utf8(bytes)?.replace(PLACEHOLDER, &folder).into_bytes();
                fs::write(&path, &page)?;
                page
            }
            _ => bytes,
        };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes)?;
        fs::write(out.join(format!("{name}.gz")), encoder.finish()?)?;
    }
    println!("cargo::rustc-env=PERF_MONITOR_ASSETS={tag}");
    Ok(())
}

/// The files of a folder and those below, with their paths in it.
fn read(
    folder: &Path,
    within: &str,
    into: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| "a file's name is no UTF-8")?;
        let name = format!("{within}{name}");
        match entry.file_type()?.is_dir() {
            true => read(&entry.path(), &format!("{name}/"), into)?,
            false => into.push((name, fs::read(entry.path())?)),
        }
    }
    Ok(())
}

/// Sixteen digits that change with any byte of the files: FNV-1a with 64 bits, the same on every machine.
fn fingerprint(files: &[(String, Vec<u8>)]) -> String {
    let bytes = files.iter().flat_map(|(name, bytes)| name.as_bytes().iter().chain(bytes));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
