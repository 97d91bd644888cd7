//! Images and manifests: what they name exists, what they ask for is what the engine
//! needs, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml::Value;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let path = top().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(path: &str) -> Vec<Value> {
    let all = read(path);
    let documents = serde_yaml::Deserializer::from_str(&all).map(|document| {
        let value = <Value as serde::Deserialize>::deserialize(document);
        value.unwrap_or_else(|error| panic!("{path}: {error}"))
    });
    documents.collect()
}

fn document(path: &str) -> Value {
    let mut all = documents(path);
    assert_eq!(all.len(), 1, "{path}");
    all.remove(0)
}

fn items<'v>(value: &'v Value, what: &str) -> &'v Vec<Value> {
    value
        .as_sequence()
        .unwrap_or_else(|| panic!("{what} is no list"))
}

fn text<'v>(value: &'v Value, what: &str) -> &'v str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{what} is no text"))
}

fn pod() -> Value {
    document("packaging/kubernetes/daemonset.yaml")["spec"]["template"]["spec"].clone()
}

fn engine(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_falco-engine"))
        .current_dir(top())
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text)
}

#[test]
fn everything_that_images_copy_is_there() {
    let file = read("packaging/container/Containerfile");
    let mut stages = BTreeSet::new();
    let mut copied = 0;
    for line in file.replace("\\\n", " ").lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["FROM", _, "AS", stage] => {
                stages.insert((*stage).to_owned());
            }
            ["COPY", sources @ .., _] => {
                for source in sources {
                    if let Some(stage) = source.strip_prefix("--from=") {
                        assert!(stages.contains(stage), "{line}");
                        break;
                    }
                    // It is built first.
                    if !source.starts_with("target/") {
                        assert!(top().join(source).exists(), "{line}");
                        copied += 1;
                    }
                }
            }
            _ => {}
        }
    }
    assert!(copied >= 6, "{copied}");
    for stage in ["engine", "module", "engine-compiled", "compiled"] {
        assert!(stages.contains(stage), "{stage}");
    }
}

#[test]
fn configurations_can_be_used() {
    for config in [
        "packaging/container/falco.yaml",
        "packaging/kubernetes/falco.yaml",
    ] {
        let rules = [
            "-r",
            "rules/falco_rules.yaml",
            "-r",
            "packaging/kubernetes/local.yaml",
        ];
        let mut arguments = vec!["-c", config, "--dry-run"];
        arguments.extend(rules);
        let (well, said) = engine(&arguments);
        assert!(well, "{config}: {said}");
        assert!(!said.contains("key "), "{config}: {said}");
    }
}

#[test]
fn options_of_the_manifests_are_known() {
    let patched = document("packaging/kubernetes/api-server/kustomization.yaml");
    let patch = text(&patched["patches"][0]["patch"], "patch");
    let patch: Value = serde_yaml::from_str(patch).unwrap();
    let plain = pod()["containers"][0]["args"].clone();
    let of_patch = patch[1]["value"].clone();
    for arguments in [plain, of_patch] {
        let arguments: Vec<_> = items(&arguments, "args")
            .iter()
            .map(|a| text(a, "arg"))
            .collect();
        assert_eq!(arguments[..2], ["-c", "/etc/falco/config/falco.yaml"]);
        let mut all = vec!["-c", "packaging/kubernetes/falco.yaml", "--dry-run"];
        all.extend(["-r", "rules/falco_rules.yaml"]);
        all.extend(&arguments[2..]);
        let (well, said) = engine(&all);
        assert!(well && !said.contains("unknown"), "{all:?}: {said}");
    }
}

#[test]
fn a_customization_names_what_is_there() {
    for directory in [
        "packaging/kubernetes",
        "packaging/kubernetes/api-server",
        "packaging/kubernetes/rootless",
    ] {
        let file = format!("{directory}/kustomization.yaml");
        let customization = document(&file);
        let mut files: Vec<&Value> = items(&customization["resources"], "resources")
            .iter()
            .collect();
        for map in customization["configMapGenerator"]
            .as_sequence()
            .into_iter()
            .flatten()
        {
            files.extend(items(&map["files"], "files"));
        }
        for name in files {
            let path = top().join(directory).join(text(name, "name"));
            assert!(path.exists(), "{}", path.display());
        }
    }
    let customization = document("packaging/kubernetes/kustomization.yaml");
    let named = |key: &str| -> BTreeSet<String> {
        let all = items(&customization[key], key).iter();
        all.map(|item| text(&item["name"], "name").to_owned())
            .collect()
    };
    let pod = pod();
    let containers = ["initContainers", "containers"].map(|kind| pod[kind][0].clone());
    let images: BTreeSet<_> = containers
        .iter()
        .map(|c| text(&c["image"], "image").to_owned())
        .collect();
    assert_eq!(images, named("images"));
    let maps: BTreeSet<_> = items(&pod["volumes"], "volumes")
        .iter()
        .filter_map(|volume| volume["configMap"]["name"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(maps, named("configMapGenerator"));
}

#[test]
fn the_pod_mounts_what_the_engine_reads() {
    let pod = pod();
    let volumes: BTreeMap<_, _> = items(&pod["volumes"], "volumes")
        .iter()
        .map(|v| {
            (
                text(&v["name"], "name").to_owned(),
                v["hostPath"]["path"].as_str().map(str::to_owned),
            )
        })
        .collect();
    for kind in ["initContainers", "containers"] {
        let container = &pod[kind][0];
        let env = items(&container["env"], "env");
        let host_root = env
            .iter()
            .find(|e| e["name"] == "HOST_ROOT")
            .expect("HOST_ROOT");
        let host_root = text(&host_root["value"], "HOST_ROOT");
        let mut seen = BTreeSet::new();
        for mount in items(&container["volumeMounts"], "volumeMounts") {
            let volume = volumes.get(text(&mount["name"], "name")).expect("a volume");
            let at = text(&mount["mountPath"], "mountPath");
            // What is of the host is below its root, at its own place.
            if let Some(path) = volume {
                assert_eq!(at, format!("{host_root}{path}"));
                seen.insert(path.clone());
                let writable = matches!(path.as_str(), "/dev" | "/run");
                assert_eq!(
                    mount["readOnly"].as_bool().unwrap_or(false),
                    !writable,
                    "{path}"
                );
            }
        }
        let needed: &[&str] = match kind {
            "containers" => &["/dev", "/etc", "/proc", "/run", "/var"],
            _ => &["/lib/modules", "/usr/lib", "/usr/src"],
        };
        assert_eq!(
            seen.iter().map(String::as_str).collect::<Vec<_>>(),
            needed,
            "{kind}"
        );
    }
    assert_eq!(pod["hostPID"], true);
    assert_eq!(pod["automountServiceAccountToken"], false);
    // One of the two may load modules, and nothing else.
    let rights = &pod["initContainers"][0]["securityContext"];
    assert_eq!(
        rights["capabilities"]["add"],
        Value::from(vec!["SYS_MODULE"])
    );
    assert_eq!(rights["capabilities"]["drop"], Value::from(vec!["ALL"]));
    assert!(rights["privileged"].is_null());
}

#[test]
fn homes_of_users_are_mounted_where_the_engine_looks() {
    let customization = document("packaging/kubernetes/rootless/kustomization.yaml");
    let patch = text(&customization["patches"][0]["patch"], "patch");
    let patch: Value = serde_yaml::from_str(patch).unwrap();
    let added = |to: &str| -> BTreeMap<String, Value> {
        let all = items(&patch, "patch").iter();
        let of = all.filter(|step| text(&step["path"], "path").ends_with(&format!("/{to}/-")));
        of.map(|step| {
            let name = text(&step["value"]["name"], "name");
            (name.to_owned(), step["value"].clone())
        })
        .collect()
    };
    let (mounts, volumes) = (added("volumeMounts"), added("volumes"));
    assert_eq!(mounts.len(), 2);
    for (name, mount) in mounts {
        let path = text(&volumes[&name]["hostPath"]["path"], "path");
        assert_eq!(text(&mount["mountPath"], "place"), format!("/host{path}"));
        assert_eq!(mount["readOnly"], true);
    }
}

#[test]
fn the_role_has_the_rights_that_are_used_alone() {
    let rbac = documents("packaging/kubernetes/api-server/rbac.yaml");
    let role = rbac
        .iter()
        .find(|d| d["kind"] == "ClusterRole")
        .expect("a role");
    let mut rights = BTreeSet::new();
    for rule in items(&role["rules"], "rules") {
        for resource in items(&rule["resources"], "resources") {
            for verb in items(&rule["verbs"], "verbs") {
                rights.insert(format!(
                    "{} {}/{}",
                    text(verb, "verb"),
                    text(&rule["apiGroups"][0], "group"),
                    text(resource, "resource")
                ));
            }
        }
    }
    // What the module that asks has, one for each of its kinds.
    let expected = [
        "get /namespaces",
        "get /replicationcontrollers",
        "get apps/deployments",
        "get apps/replicasets",
        "list /pods",
        "list /services",
        "watch /pods",
    ];
    assert_eq!(
        rights.iter().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
    let code = read("engine/src/metadata/kubernetes/follow.rs");
    for right in expected {
        let (_, resource) = right.split_once('/').unwrap();
        assert!(code.contains(resource), "{resource} is not asked for");
    }
    let binding = rbac
        .iter()
        .find(|d| d["kind"] == "ClusterRoleBinding")
        .expect("a binding");
    assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
    let account = &documents("packaging/kubernetes/namespace.yaml")[1];
    assert_eq!(binding["subjects"][0]["name"], account["metadata"]["name"]);
    assert_eq!(
        binding["subjects"][0]["namespace"],
        account["metadata"]["namespace"]
    );
    assert_eq!(text(&pod()["serviceAccountName"], "account"), "falco");
}

/// The loader with programs of its own: what it does when the module is there, when
/// the node has one, when there is nothing.
#[test]
fn the_module_is_loaded_or_built_or_missed() {
    use std::os::unix::fs::PermissionsExt;
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name);
    let program = |name: &str, text: &str| {
        std::fs::create_dir_all(path("bin")).unwrap();
        let file = path("bin").join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let calls = path("calls");
    let log = format!("echo \"$(basename \"$0\") $*\" >>{}", calls.display());
    program("uname", "echo 7.3.4-test");
    program("insmod", &log);
    program("make", &format!("{log}\ntouch \"${{3#M=}}/falco_kmod.ko\""));
    program("modprobe", &format!("{log}\nexit ${{MODPROBE:-1}}"));
    std::fs::create_dir_all(path("source/kmod")).unwrap();
    let run = |variables: &[(&str, &str)]| {
        let _ = std::fs::remove_file(&calls);
        let output = Command::new("sh")
            .arg(top().join("packaging/container/load-module.sh"))
            .env("PATH", format!("{}:/usr/bin:/bin", path("bin").display()))
            .env("HOST_ROOT", path("host"))
            .env("SOURCE", path("source"))
            .env("LOADED", path("none"))
            .env("USR", path("usr"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let called = std::fs::read_to_string(&calls).unwrap_or_default();
        (output.status.success(), said, called)
    };
    let here = work.path().display().to_string();
    let (well, said, called) = run(&[("LOADED", &here)]);
    assert!(
        well && called.is_empty() && said.contains("already"),
        "{said}{called}"
    );
    let (well, said, called) = run(&[("MODPROBE", "0")]);
    assert!(well && said.contains("the node's own"), "{said}");
    assert_eq!(
        called,
        format!("modprobe --dirname {here}/host falco_kmod\n")
    );
    let (well, said, _) = run(&[]);
    assert!(!well && said.contains("linux-headers-7.3.4-test"), "{said}");
    // As Debian has it: a link to a place on the node.
    let headers = path("host/usr/src/headers");
    std::fs::create_dir_all(headers.join("rust")).unwrap();
    std::fs::create_dir_all(path("host/lib/modules/7.3.4-test")).unwrap();
    let link = path("host/lib/modules/7.3.4-test/build");
    std::os::unix::fs::symlink("/usr/src/headers", link).unwrap();
    let (well, said, _) = run(&[]);
    assert!(!well && said.contains("rust-metadata.sh"), "{said}");
    std::fs::write(headers.join("rust/libkernel.rmeta"), "").unwrap();
    // What they are built with is named by its place on the node.
    for directory in [
        "host/usr/lib/linux-kbuild-7.3/scripts",
        "usr/src",
        "usr/lib",
    ] {
        std::fs::create_dir_all(path(directory)).unwrap();
    }
    let (well, said, called) = run(&[]);
    assert!(well && said.contains("built here"), "{said}");
    assert!(
        called.contains(&format!("make -C {}", headers.display())),
        "{called}"
    );
    assert!(
        called.contains("insmod ") && called.contains("falco_kmod.ko"),
        "{called}"
    );
    for there in ["usr/src/headers/rust", "usr/lib/linux-kbuild-7.3/scripts"] {
        assert!(path(there).is_dir(), "{there}");
    }
    // A container that is started again has it already.
    let (well, said, _) = run(&[]);
    assert!(well, "{said}");
}
