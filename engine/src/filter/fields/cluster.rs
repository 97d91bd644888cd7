//! Getters of `k8smeta.*`: what the API server knows of the pod of an event.
//!
//! The answers change while events are looked at, so each value is copied.

use std::sync::Arc;

use super::{list, text_in};
use crate::filter::field::{Context, FieldArg, Value};
use crate::metadata::kubernetes::{Member, Object};

type Answer<'a> = Option<Value<'a>>;

fn member(ctx: &Context<'_>) -> Option<Arc<Member>> {
    let pod = super::container::pod(ctx)?;
    ctx.state.containers().cluster().member(&pod.uid)
}

fn text<'a>(ctx: &Context<'a>, text: &str) -> Value<'a> {
    Value::Text(text_in!(ctx.arena, "{text}"))
}

fn of<'a>(
    ctx: &Context<'a>,
    object: impl FnOnce(&Member) -> Option<&Object>,
    value: impl FnOnce(&Object) -> Option<&str>,
) -> Answer<'a> {
    let member = member(ctx)?;
    Some(text(ctx, value(object(&member)?)?))
}

fn one<'a>(object: &'a Object, arg: &FieldArg) -> Option<&'a str> {
    let FieldArg::Key(key) = arg else {
        return None;
    };
    let mut labels = object.labels.iter();
    labels.find_map(|(name, value)| (*name == **key).then_some(value.as_str()))
}

fn pairs<'a>(ctx: &Context<'a>, objects: &[&Object]) -> Value<'a> {
    let labels = objects.iter().flat_map(|object| &object.labels);
    let pairs = labels.map(|(key, value)| Value::Text(text_in!(ctx.arena, "{key}:{value}")));
    list(ctx.arena, pairs)
}

/// Getters of an object that a pod has one of.
macro_rules! object {
    ($name:ident, $uid:ident, $label:ident, $labels:ident, |$member:ident| $object:expr) => {
        pub(super) fn $name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
            of(ctx, |$member| $object, |object| Some(&object.name))
        }

        pub(super) fn $uid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
            of(
                ctx,
                |$member| $object,
                |object| Some(object.uid.as_str()).filter(|uid| !uid.is_empty()),
            )
        }

        pub(super) fn $label<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
            of(ctx, |$member| $object, |object| one(object, arg))
        }

        pub(super) fn $labels<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
            let $member = member(ctx)?;
            let $member = &*$member;
            Some(pairs(ctx, &[$object?]))
        }
    };
}

object!(pod_name, pod_uid, pod_label, pod_labels, |member| Some(
    &member.pod
));
object!(ns_name, ns_uid, ns_label, ns_labels, |member| Some(
    &member.namespace
));
object!(
    deployment_name,
    deployment_uid,
    deployment_label,
    deployment_labels,
    |member| member.deployment.as_ref()
);
object!(rs_name, rs_uid, rs_label, rs_labels, |member| member
    .replica_set
    .as_ref());
object!(rc_name, rc_uid, rc_label, rc_labels, |member| member
    .replication_controller
    .as_ref());

/// The runtime knows it, and at once.
pub(super) fn pod_ip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    member(ctx)?;
    Some(text(ctx, &super::container::pod(ctx)?.ip))
}

fn of_services<'a>(ctx: &Context<'a>, value: impl Fn(&Object) -> Option<&str>) -> Answer<'a> {
    let member = member(ctx)?;
    let values = member.services.iter().filter_map(value);
    let values = list(ctx.arena, values.map(|value| text(ctx, value)));
    match values {
        Value::List([]) => None,
        values => Some(values),
    }
}

pub(super) fn svc_name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    of_services(ctx, |service| Some(&service.name))
}

pub(super) fn svc_uid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    of_services(ctx, |service| Some(&service.uid))
}

pub(super) fn svc_label<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    of_services(ctx, |service| one(service, arg))
}

pub(super) fn svc_labels<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let member = member(ctx)?;
    let services: Vec<_> = member.services.iter().collect();
    (!services.is_empty()).then(|| pairs(ctx, &services))
}
