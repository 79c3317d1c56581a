//! What `marketing-mix` writes.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, Float64Array, RecordBatch, StringArray},
        compute,
    },
    prelude::DataFrame,
};
use trinity_models::media::Shape;

use super::{marketing_mix::Mix, select::check_unique};
use crate::{Fault, job::Job, output, types};

/// Points of a response curve, from nothing to one and a half times the largest spending.
const CURVE_POINTS: usize = 31;

/// The column that orders the periods, with its name.
pub(super) async fn dates(
    job: &Job<'_>,
    frame: DataFrame,
    name: Option<&str>,
) -> Result<Option<(String, ArrayRef)>, Fault> {
    let Some(name) = name else { return Ok(None) };
    let mut rows = output::rows(job, frame.select(vec![types::column(name)])?).await?;
    let mut parts = Vec::new();
    while let Some(batch) = rows.next().await? {
        parts.push(batch.column(0).clone());
    }
    let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
    Ok(if parts.is_empty() { None } else { Some((name.to_owned(), compute::concat(&parts)?)) })
}

fn floats(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    let shown = |value: f64| Some(value).filter(|value| value.is_finite());
    Arc::new(values.into_iter().map(shown).collect::<Float64Array>())
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<StringArray>())
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

pub(super) fn contributions(mix: &Mix, dates: Option<(String, ArrayRef)>) -> Result<RecordBatch, Fault> {
    let mut columns: Vec<(String, ArrayRef)> = dates.into_iter().collect();
    columns.push((mix.config.outcome.clone(), floats(mix.outcome.iter().copied())));
    columns.push(("fitted".to_owned(), floats(mix.fit.fitted.iter().copied())));
    columns.push(("base".to_owned(), floats(mix.fit.base.iter().copied())));
    for (name, channel) in mix.channels.iter().zip(&mix.fit.channels) {
        columns.push((format!("{name}_contribution"), floats(channel.contribution.iter().copied())));
    }
    check_unique(columns.iter().map(|(name, _)| name.as_str()))?;
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true)))?)
}

pub(super) fn channels(mix: &Mix) -> Result<RecordBatch, Fault> {
    let fits = &mix.fit.channels;
    let spent: Vec<f64> = mix.spending.iter().map(|spent| spent.iter().sum()).collect();
    let brought: Vec<f64> = fits.iter().map(|channel| channel.contribution.iter().sum()).collect();
    let fitted: f64 = mix.fit.fitted.iter().sum();
    let shapes = fits.iter().map(|channel| match channel.response.shape {
        Shape::Hill => "hill",
        Shape::Exponential => "exponential",
    });
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("channel", texts(mix.channels.iter().map(String::as_str)), false),
        ("shape", texts(shapes), false),
        ("decay", floats(fits.iter().map(|channel| channel.response.decay)), true),
        ("half", floats(fits.iter().map(|channel| channel.response.half)), true),
        ("slope", floats(fits.iter().map(|channel| channel.response.slope)), true),
        ("weight", floats(fits.iter().map(|channel| channel.weight)), true),
        ("spending", floats(spent.iter().copied()), true),
        ("contribution", floats(brought.iter().copied()), true),
        ("share", floats(brought.iter().map(|brought| brought / fitted)), true),
        ("return", floats(brought.iter().zip(&spent).map(|(brought, spent)| brought / spent)), true),
    ])?)
}

pub(super) fn curves(mix: &Mix) -> Result<RecordBatch, Fault> {
    let (mut names, mut spending, mut responses, mut marginals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((name, channel), spent) in mix.channels.iter().zip(&mix.fit.channels).zip(&mix.spending) {
        let most = 1.5 * spent.iter().fold(0.0_f64, |most, spent| most.max(*spent));
        for at in 0..CURVE_POINTS {
            let money = most * at as f64 / (CURVE_POINTS - 1) as f64;
            names.push(name.as_str());
            spending.push(money);
            responses.push(channel.weight * channel.response.effect(money));
            marginals.push(if channel.weight > 0.0 { channel.weight * channel.response.marginal(money) } else { 0.0 });
        }
    }
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("channel", texts(names.into_iter()), false),
        ("spending", floats(spending), true),
        ("response", floats(responses), true),
        ("marginal", floats(marginals), true),
    ])?)
}

pub(super) fn allocation(mix: &Mix) -> Result<RecordBatch, Fault> {
    let found = &mix.allocation;
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("channel", texts(mix.channels.iter().map(String::as_str)), false),
        ("current", floats(mix.spending.iter().map(|spent| mean(spent))), true),
        ("spending", floats(found.spending.iter().copied()), true),
        ("response", floats(found.returns.iter().copied()), true),
        ("marginal", floats(found.marginal_returns.iter().copied()), true),
    ])?)
}
