// SPDX-License-Identifier: Apache-2.0
//! Does to a container runtime what a kubelet does: makes a pod with one container, executes
//! commands in it, and removes it, all through the CRI. Debian has no `crictl`.
//!
//! ```text
//! pod create NAMESPACE POD CONTAINER IMAGE COMMAND...   prints the ids of sandbox and container
//! pod exec CONTAINER-ID COMMAND...                      exits as the command does
//! pod remove SANDBOX-ID
//! ```

mod cri;

use std::collections::HashMap;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use cri::Runtime;

const USAGE: &str = "usage: pod create NAMESPACE POD CONTAINER IMAGE COMMAND... \
                     | exec CONTAINER-ID COMMAND... | remove SANDBOX-ID";
/// Where containerd listens.
const SOCKET: &str = "unix:///run/containerd/containerd.sock";
/// The network of the node, so that no plugin has to set up one.
const NODE: i32 = 2;
/// Seconds that a command may take.
const EXEC_LIMIT: i64 = 120;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args).await {
        Ok(status) => status,
        Err(error) => {
            eprintln!("pod: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let mut runtime = Runtime::connect(SOCKET).await?;
    match args {
        ["create", namespace, pod, container, image, command @ ..] => {
            let (sandbox, container) =
                create(&mut runtime, namespace, pod, container, image, command).await?;
            println!("{sandbox} {container}");
            Ok(ExitCode::SUCCESS)
        }
        ["exec", container, command @ ..] if !command.is_empty() => {
            let request = cri::ExecSync {
                container_id: (*container).to_owned(),
                cmd: owned(command),
                timeout: EXEC_LIMIT,
            };
            let result: cri::ExecSyncResult = runtime.call("ExecSync", request).await?;
            std::io::stdout().write_all(&result.stdout)?;
            std::io::stderr().write_all(&result.stderr)?;
            Ok(ExitCode::from(
                u8::try_from(result.exit_code).unwrap_or(u8::MAX),
            ))
        }
        ["remove", sandbox] => {
            for method in ["StopPodSandbox", "RemovePodSandbox"] {
                let request = cri::Id {
                    id: (*sandbox).to_owned(),
                };
                let _: cri::Empty = runtime.call(method, request).await?;
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(USAGE.into()),
    }
}

async fn create(
    runtime: &mut Runtime,
    namespace: &str,
    pod: &str,
    container: &str,
    image: &str,
    command: &[&str],
) -> Result<(String, String), Box<dyn Error>> {
    let uid = "11111111-2222-3333-4444-555555555555";
    let mut labels = HashMap::from([
        ("io.kubernetes.pod.name".to_owned(), pod.to_owned()),
        (
            "io.kubernetes.pod.namespace".to_owned(),
            namespace.to_owned(),
        ),
        ("io.kubernetes.pod.uid".to_owned(), uid.to_owned()),
    ]);
    let sandbox_config = cri::PodSandboxConfig {
        metadata: Some(cri::PodSandboxMetadata {
            name: pod.to_owned(),
            uid: uid.to_owned(),
            namespace: namespace.to_owned(),
            attempt: 0,
        }),
        log_directory: String::new(),
        labels: labels.clone(),
        linux: Some(cri::LinuxPodSandboxConfig {
            // As a kubelet with the systemd driver names it.
            cgroup_parent: format!("kubepods-besteffort-pod{}.slice", uid.replace('-', "_")),
            security_context: Some(cri::LinuxSandboxSecurityContext {
                namespace_options: Some(cri::NamespaceOption {
                    network: NODE,
                    pid: 1,
                    ipc: 0,
                }),
            }),
        }),
    };
    let request = cri::RunPodSandbox {
        config: Some(sandbox_config.clone()),
    };
    let sandbox: cri::Id = runtime.call("RunPodSandbox", request).await?;

    labels.insert(
        "io.kubernetes.container.name".to_owned(),
        container.to_owned(),
    );
    let request = cri::CreateContainer {
        pod_sandbox_id: sandbox.id.clone(),
        config: Some(cri::ContainerConfig {
            metadata: Some(cri::ContainerMetadata {
                name: container.to_owned(),
                attempt: 0,
            }),
            image: Some(cri::ImageSpec {
                image: image.to_owned(),
            }),
            command: owned(command),
            labels,
        }),
        sandbox_config: Some(sandbox_config),
    };
    let created: cri::Id = runtime.call("CreateContainer", request).await?;
    let _: cri::Empty = runtime.call("StartContainer", created.clone()).await?;
    Ok((sandbox.id, created.id))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
