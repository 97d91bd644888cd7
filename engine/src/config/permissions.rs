//! Whether others can change what the program reads.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whoever may write these may change what is watched for.
const GROUP_OR_OTHERS: u32 = 0o022;

/// Makes a directory safe that everybody may write.
const STICKY: u32 = 0o1000;

/// Says who else can change the file, if anybody. Links are followed.
pub fn exposed(path: &Path) -> Option<String> {
    let shown = path.display();
    let file = fs::metadata(path).ok()?;
    if file.mode() & GROUP_OR_OTHERS != 0 {
        let mode = file.mode() & 0o7777;
        return Some(format!(
            "{shown} can be written by others than its owner (mode {mode:04o})"
        ));
    }
    let own = nix::unistd::geteuid().as_raw();
    if file.uid() != 0 && file.uid() != own {
        let owner = file.uid();
        return Some(format!(
            "{shown} belongs to user {owner}, who can change it"
        ));
    }
    let real = fs::canonicalize(path).ok()?;
    let directory = real.parent()?;
    let parent = fs::metadata(directory).ok()?;
    let open = parent.mode() & GROUP_OR_OTHERS != 0 && parent.mode() & STICKY == 0;
    open.then(|| {
        let mode = parent.mode() & 0o7777;
        let directory = directory.display();
        format!("{shown} can be replaced by others: {directory} has mode {mode:04o}")
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn who_can_write() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("f");
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        set(&file, 0o644);
        assert_eq!(exposed(&file), None);
        set(&file, 0o664);
        assert!(exposed(&file).unwrap().ends_with("(mode 0664)"));
        set(&file, 0o602);
        assert!(exposed(&file).unwrap().ends_with("(mode 0602)"));
        set(&file, 0o600);
        set(directory.path(), 0o777);
        assert!(exposed(&file).unwrap().contains("can be replaced"));
        set(directory.path(), 0o1777);
        assert_eq!(exposed(&file), None);
        assert_eq!(exposed(&directory.path().join("none")), None);
    }
}
