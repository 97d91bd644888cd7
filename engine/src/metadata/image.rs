//! Names of images.

/// Repository and tag of an image's name.
pub(super) fn repository_and_tag(image: &str) -> (&str, &str) {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        // Behind a slash it would be the port of a registry.
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, ""),
    }
}

/// Whether an image is named by what is in it alone.
pub(super) fn is_digest(image: &str) -> bool {
    image.starts_with("sha256:")
        || (image.len() == 64 && image.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images() {
        let cases = [
            (
                "docker.io/library/nginx:latest",
                "docker.io/library/nginx",
                "latest",
            ),
            ("docker.io/library/nginx", "docker.io/library/nginx", ""),
            ("localhost:5000/app", "localhost:5000/app", ""),
            ("localhost:5000/app:v1", "localhost:5000/app", "v1"),
            ("r/app:v1@sha256:00", "r/app", "v1"),
            ("r/app@sha256:00", "r/app", ""),
            ("", "", ""),
        ];
        for (image, repository, tag) in cases {
            assert_eq!(repository_and_tag(image), (repository, tag), "{image}");
        }
    }
}
