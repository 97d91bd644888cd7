//! Messages of the Container Runtime Interface, version 1: of those that are used,
//! the fields that are used.
#![expect(
    missing_docs,
    reason = "the names are those of the interface, where they are explained"
)]

use std::collections::BTreeMap;

/// Prefix of the methods.
pub const SERVICE: &str = "runtime.v1.RuntimeService";

/// A namespace is the host's.
pub const NODE: i32 = 2;

/// States of a container and of a pod's sandbox.
pub const RUNNING: i32 = 1;
/// Of a sandbox: it runs.
pub const READY: i32 = 0;

/// Kinds of a container's events.
pub const CREATED: i32 = 0;
/// It was started.
pub const STARTED: i32 = 1;

macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $name:ident {
            $( $(#[$prost:meta])* $field:ident: $ty:ty, )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, prost::Message)]
            pub struct $name {
                $( $(#[$prost])* pub $field: $ty, )*
            }
        )*
    };
}

messages! {
    VersionRequest {
        #[prost(string, tag = "1")]
        version: String,
    }
    VersionResponse {
        #[prost(string, tag = "1")]
        version: String,
        #[prost(string, tag = "2")]
        runtime_name: String,
        #[prost(string, tag = "3")]
        runtime_version: String,
        #[prost(string, tag = "4")]
        runtime_api_version: String,
    }
    ContainerFilter {
        #[prost(string, tag = "1")]
        id: String,
        #[prost(message, optional, tag = "2")]
        state: Option<StateValue>,
    }
    /// `ContainerStateValue` and `PodSandboxStateValue` of the interface.
    StateValue {
        #[prost(int32, tag = "1")]
        state: i32,
    }
    PodSandboxFilter {
        #[prost(message, optional, tag = "2")]
        state: Option<StateValue>,
    }
    ListPodSandboxRequest {
        #[prost(message, optional, tag = "1")]
        filter: Option<PodSandboxFilter>,
    }
    ListPodSandboxResponse {
        #[prost(message, repeated, tag = "1")]
        items: Vec<ListedSandbox>,
    }
    /// `PodSandbox` of the interface.
    ListedSandbox {
        #[prost(string, tag = "1")]
        id: String,
    }
    ContainerStatsRequest {
        #[prost(string, tag = "1")]
        container_id: String,
    }
    ContainerStatsResponse {
        #[prost(message, optional, tag = "1")]
        stats: Option<ContainerStats>,
    }
    ContainerStats {
        #[prost(message, optional, tag = "4")]
        writable_layer: Option<FilesystemUsage>,
    }
    FilesystemUsage {
        #[prost(message, optional, tag = "3")]
        used_bytes: Option<UInt64Value>,
    }
    UInt64Value {
        #[prost(uint64, tag = "1")]
        value: u64,
    }
    ListContainersRequest {
        #[prost(message, optional, tag = "1")]
        filter: Option<ContainerFilter>,
    }
    ListContainersResponse {
        #[prost(message, repeated, tag = "1")]
        containers: Vec<ListedContainer>,
    }
    /// `Container` of the interface.
    ListedContainer {
        #[prost(string, tag = "1")]
        id: String,
        #[prost(string, tag = "2")]
        pod_sandbox_id: String,
        #[prost(message, optional, tag = "3")]
        metadata: Option<ContainerMetadata>,
        #[prost(message, optional, tag = "4")]
        image: Option<ImageSpec>,
        #[prost(string, tag = "5")]
        image_ref: String,
        #[prost(btree_map = "string, string", tag = "8")]
        labels: BTreeMap<String, String>,
    }
    ContainerMetadata {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(uint32, tag = "2")]
        attempt: u32,
    }
    ImageSpec {
        #[prost(string, tag = "1")]
        image: String,
        #[prost(string, tag = "18")]
        user_specified_image: String,
    }
    ContainerStatusRequest {
        #[prost(string, tag = "1")]
        container_id: String,
        #[prost(bool, tag = "2")]
        verbose: bool,
    }
    ContainerStatusResponse {
        #[prost(message, optional, tag = "1")]
        status: Option<ContainerStatus>,
        #[prost(btree_map = "string, string", tag = "2")]
        info: BTreeMap<String, String>,
    }
    ContainerStatus {
        #[prost(string, tag = "1")]
        id: String,
        #[prost(message, optional, tag = "2")]
        metadata: Option<ContainerMetadata>,
        #[prost(int64, tag = "4")]
        created_at: i64,
        #[prost(int64, tag = "5")]
        started_at: i64,
        #[prost(message, optional, tag = "8")]
        image: Option<ImageSpec>,
        #[prost(string, tag = "9")]
        image_ref: String,
        #[prost(btree_map = "string, string", tag = "12")]
        labels: BTreeMap<String, String>,
        #[prost(message, repeated, tag = "14")]
        mounts: Vec<Mount>,
        #[prost(string, tag = "17")]
        image_id: String,
    }
    Mount {
        #[prost(string, tag = "1")]
        container_path: String,
        #[prost(string, tag = "2")]
        host_path: String,
        #[prost(bool, tag = "3")]
        readonly: bool,
        #[prost(int32, tag = "5")]
        propagation: i32,
    }
    GetEventsRequest {}
    ContainerEventResponse {
        #[prost(string, tag = "1")]
        container_id: String,
        #[prost(int32, tag = "2")]
        container_event_type: i32,
    }
    PodSandboxStatusRequest {
        #[prost(string, tag = "1")]
        pod_sandbox_id: String,
        #[prost(bool, tag = "2")]
        verbose: bool,
    }
    PodSandboxStatusResponse {
        #[prost(message, optional, tag = "1")]
        status: Option<PodSandboxStatus>,
        #[prost(btree_map = "string, string", tag = "2")]
        info: BTreeMap<String, String>,
    }
    PodSandboxStatus {
        #[prost(string, tag = "1")]
        id: String,
        #[prost(message, optional, tag = "2")]
        metadata: Option<PodSandboxMetadata>,
        #[prost(int64, tag = "4")]
        created_at: i64,
        #[prost(message, optional, tag = "5")]
        network: Option<PodSandboxNetworkStatus>,
        #[prost(message, optional, tag = "6")]
        linux: Option<LinuxPodSandboxStatus>,
        #[prost(btree_map = "string, string", tag = "7")]
        labels: BTreeMap<String, String>,
    }
    PodSandboxMetadata {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "2")]
        uid: String,
        #[prost(string, tag = "3")]
        namespace: String,
        #[prost(uint32, tag = "4")]
        attempt: u32,
    }
    PodSandboxNetworkStatus {
        #[prost(string, tag = "1")]
        ip: String,
    }
    LinuxPodSandboxStatus {
        #[prost(message, optional, tag = "1")]
        namespaces: Option<Namespace>,
    }
    Namespace {
        #[prost(message, optional, tag = "2")]
        options: Option<NamespaceOption>,
    }
    NamespaceOption {
        #[prost(int32, tag = "1")]
        network: i32,
        #[prost(int32, tag = "2")]
        pid: i32,
        #[prost(int32, tag = "3")]
        ipc: i32,
    }
    RunPodSandboxRequest {
        #[prost(message, optional, tag = "1")]
        config: Option<PodSandboxConfig>,
    }
    RunPodSandboxResponse {
        #[prost(string, tag = "1")]
        pod_sandbox_id: String,
    }
    PodSandboxConfig {
        #[prost(message, optional, tag = "1")]
        metadata: Option<PodSandboxMetadata>,
        #[prost(string, tag = "2")]
        hostname: String,
        #[prost(string, tag = "3")]
        log_directory: String,
        #[prost(btree_map = "string, string", tag = "6")]
        labels: BTreeMap<String, String>,
        #[prost(message, optional, tag = "8")]
        linux: Option<LinuxPodSandboxConfig>,
    }
    LinuxPodSandboxConfig {
        #[prost(string, tag = "1")]
        cgroup_parent: String,
        #[prost(message, optional, tag = "2")]
        security_context: Option<LinuxSandboxSecurityContext>,
    }
    LinuxSandboxSecurityContext {
        #[prost(message, optional, tag = "1")]
        namespace_options: Option<NamespaceOption>,
        #[prost(bool, tag = "6")]
        privileged: bool,
    }
    CreateContainerRequest {
        #[prost(string, tag = "1")]
        pod_sandbox_id: String,
        #[prost(message, optional, tag = "2")]
        config: Option<ContainerConfig>,
        #[prost(message, optional, tag = "3")]
        sandbox_config: Option<PodSandboxConfig>,
    }
    CreateContainerResponse {
        #[prost(string, tag = "1")]
        container_id: String,
    }
    ContainerConfig {
        #[prost(message, optional, tag = "1")]
        metadata: Option<ContainerMetadata>,
        #[prost(message, optional, tag = "2")]
        image: Option<ImageSpec>,
        #[prost(string, repeated, tag = "3")]
        command: Vec<String>,
        #[prost(string, repeated, tag = "4")]
        args: Vec<String>,
        #[prost(message, repeated, tag = "7")]
        mounts: Vec<Mount>,
        #[prost(btree_map = "string, string", tag = "9")]
        labels: BTreeMap<String, String>,
        #[prost(string, tag = "11")]
        log_path: String,
        #[prost(message, optional, tag = "15")]
        linux: Option<LinuxContainerConfig>,
    }
    LinuxContainerConfig {
        #[prost(message, optional, tag = "2")]
        security_context: Option<LinuxContainerSecurityContext>,
    }
    LinuxContainerSecurityContext {
        #[prost(bool, tag = "2")]
        privileged: bool,
        #[prost(message, optional, tag = "3")]
        namespace_options: Option<NamespaceOption>,
    }
    StartContainerRequest {
        #[prost(string, tag = "1")]
        container_id: String,
    }
    ExecSyncRequest {
        #[prost(string, tag = "1")]
        container_id: String,
        #[prost(string, repeated, tag = "2")]
        cmd: Vec<String>,
        #[prost(int64, tag = "3")]
        timeout: i64,
    }
    ExecSyncResponse {
        #[prost(bytes = "vec", tag = "1")]
        stdout: Vec<u8>,
        #[prost(bytes = "vec", tag = "2")]
        stderr: Vec<u8>,
        #[prost(int32, tag = "3")]
        exit_code: i32,
    }
    /// Answer of the methods that tell nothing.
    Empty {}
}
