//! Runs a pod through a runtime's CRI socket, for tests of a node:
//! `cri-pod SOCKET NAMESPACE POD CONTAINER IMAGE [OPTION…] [--command WORD…] [-- WORD…]`
//!
//! The pod is on the host's network, or with `--own-network` on one of its own. It
//! has one container, or with `--count NUMBER` so many, which are started one after
//! the other; each sees what `--mount SOURCE:DESTINATION` says, and may not write
//! there. `{}` is the number of each, from 1, in its name
//! and in the words. `--command` replaces what the image would run; what follows
//! `--` is executed in each container once it runs, its output is passed on, and
//! the last exit code that is not 0 is that of this command. The pod stays.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use falco_engine::metadata::cri::api::{self, NODE, SERVICE};
use falco_engine::metadata::endpoint::Error;
use falco_engine::metadata::grpc::Channel;
use prost::Message;

/// A node that is emulated on a busy machine takes minutes to set a network up.
const LIMIT: Duration = Duration::from_secs(300);

struct Arguments {
    socket: String,
    namespace: String,
    pod: String,
    container: String,
    image: String,
    count: u32,
    own_network: bool,
    mount: Option<(String, String)>,
    command: Vec<String>,
    exec: Vec<String>,
}

fn arguments() -> Option<Arguments> {
    let mut words = std::env::args().skip(1);
    let mut arguments = Arguments {
        socket: words.next()?,
        namespace: words.next()?,
        pod: words.next()?,
        container: words.next()?,
        image: words.next()?,
        count: 1,
        own_network: false,
        mount: None,
        command: Vec::new(),
        exec: Vec::new(),
    };
    let mut in_command = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--" => arguments.exec.extend(words.by_ref()),
            "--count" if !in_command => arguments.count = words.next()?.parse().ok()?,
            "--own-network" if !in_command => arguments.own_network = true,
            "--mount" if !in_command => {
                let (source, destination) = owned(words.next()?.split_once(':')?);
                arguments.mount = Some((source, destination));
            }
            "--command" if !in_command => in_command = true,
            _ if in_command => arguments.command.push(word),
            _ => return None,
        }
    }
    Some(arguments)
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

async fn call<Answer: Message + Default>(
    channel: &Channel,
    method: &str,
    request: &impl Message,
) -> Result<Answer, Error> {
    channel
        .call(&format!("{SERVICE}/{method}"), request, LIMIT)
        .await
}

async fn run(arguments: Arguments) -> Result<i32, Error> {
    let channel = Channel::connect(Path::new(&arguments.socket), LIMIT).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    // Any text will do as long as no two pods have the same.
    let uid = format!("{:032x}", now.map_or(0, |now| now.as_nanos()));
    let labels = BTreeMap::from([
        ("io.kubernetes.pod.name".to_owned(), arguments.pod.clone()),
        (
            "io.kubernetes.pod.namespace".to_owned(),
            arguments.namespace.clone(),
        ),
        ("io.kubernetes.pod.uid".to_owned(), uid.clone()),
    ]);
    let namespaces = api::NamespaceOption {
        network: if arguments.own_network { 0 } else { NODE },
        pid: 1,
        ipc: 0,
    };
    let sandbox = api::PodSandboxConfig {
        metadata: Some(api::PodSandboxMetadata {
            name: arguments.pod,
            uid: uid.clone(),
            namespace: arguments.namespace,
            attempt: 0,
        }),
        labels,
        linux: Some(api::LinuxPodSandboxConfig {
            // As a kubelet names it for the systemd driver.
            cgroup_parent: format!("kubepods-besteffort-pod{uid}.slice"),
            security_context: Some(api::LinuxSandboxSecurityContext {
                namespace_options: Some(namespaces.clone()),
                ..Default::default()
            }),
        }),
        ..Default::default()
    };
    let request = api::RunPodSandboxRequest {
        config: Some(sandbox.clone()),
    };
    let pod: api::RunPodSandboxResponse = call(&channel, "RunPodSandbox", &request).await?;
    let mut exit_code = 0;
    for number in 1..=arguments.count {
        let container = Container {
            pod: &pod.pod_sandbox_id,
            sandbox: &sandbox,
            namespaces: &namespaces,
            mount: arguments.mount.as_ref(),
            name: numbered(&arguments.container, number),
            image: &arguments.image,
            command: arguments
                .command
                .iter()
                .map(|word| numbered(word, number))
                .collect(),
        };
        let exec = arguments.exec.iter().map(|word| numbered(word, number));
        match container.run(&channel, exec.collect()).await? {
            0 => {}
            code => exit_code = code,
        }
    }
    Ok(exit_code)
}

fn read_only((source, destination): &(String, String)) -> api::Mount {
    api::Mount {
        host_path: source.clone(),
        container_path: destination.clone(),
        readonly: true,
        propagation: 0,
    }
}

fn numbered(word: &str, number: u32) -> String {
    word.replace("{}", &number.to_string())
}

/// One of the containers.
struct Container<'a> {
    pod: &'a str,
    sandbox: &'a api::PodSandboxConfig,
    namespaces: &'a api::NamespaceOption,
    mount: Option<&'a (String, String)>,
    name: String,
    image: &'a str,
    command: Vec<String>,
}

impl Container<'_> {
    /// Starts it, and executes something in it.
    async fn run(self, channel: &Channel, exec: Vec<String>) -> Result<i32, Error> {
        let mut labels = self.sandbox.labels.clone();
        labels.insert("io.kubernetes.container.name".to_owned(), self.name.clone());
        let request = api::CreateContainerRequest {
            pod_sandbox_id: self.pod.to_owned(),
            config: Some(api::ContainerConfig {
                metadata: Some(api::ContainerMetadata {
                    name: self.name,
                    attempt: 0,
                }),
                image: Some(api::ImageSpec {
                    image: self.image.to_owned(),
                    user_specified_image: self.image.to_owned(),
                }),
                command: self.command,
                mounts: self.mount.map(read_only).into_iter().collect(),
                labels,
                linux: Some(api::LinuxContainerConfig {
                    security_context: Some(api::LinuxContainerSecurityContext {
                        privileged: false,
                        namespace_options: Some(self.namespaces.clone()),
                    }),
                }),
                ..Default::default()
            }),
            sandbox_config: Some(self.sandbox.clone()),
        };
        let created: api::CreateContainerResponse =
            call(channel, "CreateContainer", &request).await?;
        let container_id = created.container_id;
        let request = api::StartContainerRequest {
            container_id: container_id.clone(),
        };
        let _: api::Empty = call(channel, "StartContainer", &request).await?;
        eprintln!("pod {} container {container_id}", self.pod);
        if exec.is_empty() {
            return Ok(0);
        }
        let request = api::ExecSyncRequest {
            container_id,
            cmd: exec,
            timeout: LIMIT.as_secs().cast_signed(),
        };
        let done: api::ExecSyncResponse = call(channel, "ExecSync", &request).await?;
        // Nobody is left to tell when the output is closed.
        let _ = std::io::stdout().write_all(&done.stdout);
        let _ = std::io::stderr().write_all(&done.stderr);
        Ok(done.exit_code)
    }
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!(
            "usage: cri-pod SOCKET NAMESPACE POD CONTAINER IMAGE [--own-network] [--count NUMBER] \
             [--mount SOURCE:DESTINATION] [--command WORD…] [-- WORD…]"
        );
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => Err(Error::Io(error)),
    };
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            eprintln!("cri-pod: {error}");
            ExitCode::FAILURE
        }
    }
}
