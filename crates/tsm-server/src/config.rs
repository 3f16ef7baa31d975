//! Configuration files: TOML, unknown keys refused, paths relative to the file.
//!
//! Secrets never stand in a configuration file; it only names the files that
//! hold them.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a configuration file was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can not read the configuration file {path}", path = path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be; the text names line and key.
    #[error("in the configuration file {path}: {detail}", path = path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Line, key and cause.
        detail: String,
    },
}

/// The content of a configuration file.
///
/// Implementations derive `Deserialize` with `deny_unknown_fields`.
pub trait Config: DeserializeOwned {
    /// Makes every relative path start from `base`, the folder of the file.
    fn resolve_paths(&mut self, base: &Path);
}

/// Reads a configuration file. Relative paths in it start from its folder.
///
/// # Errors
/// [`ConfigError`], which names the file and, where there is one, line and key.
pub fn load<C: Config>(path: &Path) -> Result<C, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut config: C = toml::from_str(&text).map_err(|error| ConfigError::Parse {
        path: path.to_owned(),
        detail: error.to_string().trim_end().to_owned(),
    })?;
    config.resolve_paths(path.parent().unwrap_or(Path::new("")));
    Ok(config)
}

/// Makes `path` start from `base` unless it is absolute.
pub fn resolve(base: &Path, path: &mut PathBuf) {
    if path.is_relative() {
        *path = base.join(&*path);
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        store: PathBuf,
        limit_s: u32,
    }

    impl Config for Sample {
        fn resolve_paths(&mut self, base: &Path) {
            resolve(base, &mut self.store);
        }
    }

    fn load_text(text: &str) -> Result<Sample, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.toml");
        std::fs::write(&path, text).unwrap();
        load(&path)
    }

    #[test]
    fn starts_relative_paths_from_the_folder_of_the_file() {
        let sample = load_text("store = \"data/store\"\nlimit_s = 3\n").unwrap();
        assert!(sample.store.is_absolute());
        assert!(sample.store.ends_with("data/store"));
        assert_eq!(sample.limit_s, 3);
    }

    #[test]
    fn keeps_absolute_paths() {
        let sample = load_text("store = \"/var/lib/tsm\"\nlimit_s = 3\n").unwrap();
        assert_eq!(sample.store, Path::new("/var/lib/tsm"));
    }

    #[test]
    fn names_file_line_and_key_of_an_unknown_key() {
        let error = load_text("store = \"x\"\nlimit_s = 3\nlimits = 4\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("sample.toml"), "{error}");
        assert!(error.contains("line 3"), "{error}");
        assert!(error.contains("limits"), "{error}");
    }

    #[test]
    fn names_a_missing_key() {
        let error = load_text("store = \"x\"\n").unwrap_err().to_string();
        assert!(error.contains("limit_s"), "{error}");
    }

    #[test]
    fn names_a_file_that_is_not_there() {
        let error = load::<Sample>(Path::new("/nowhere/mno-tsm.toml"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nowhere/mno-tsm.toml"), "{error}");
    }
}
