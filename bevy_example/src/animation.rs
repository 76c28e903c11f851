//! Animated sheets: the frames stand in one image, their times in a file beside the manifest.
//!
//! Both are assets, so a sheet that is published again changes its look and its pace while the game runs.

use std::time::Duration;

use bevy::prelude::*;
use bevy_common_assets::json::JsonAssetPlugin;
use serde::Deserialize;

use crate::manifest::Entry;

/// Moves each animated sprite on to its next frame in time.
pub struct AnimationPlugin;

impl Plugin for AnimationPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(JsonAssetPlugin::<Frames>::new(&["json"]))
            .add_systems(Update, advance);
    }
}

/// A sheet's frames in Aseprite's JSON (Array) form, of which this game reads the times alone.
#[derive(Asset, TypePath, Deserialize)]
struct Frames {
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    /// Milliseconds.
    duration: u64,
}

/// Stands beside a [`Sprite`] with a texture atlas.
#[derive(Component)]
pub struct Animation {
    frames: Handle<Frames>,
    /// How long the frame has been shown.
    since: Duration,
}

impl Animation {
    /// Starts to load the times of a sheet. Until they are there, and if there are none, the first frame stands still.
    pub fn new(server: &AssetServer, entry: &Entry) -> Self {
        let file = entry.files.iter().find(|file| file.path.ends_with(".json"));
        Self {
            frames: file.map_or_else(Handle::default, |file| server.load(&file.path)),
            since: Duration::ZERO,
        }
    }
}

fn advance(time: Res<Time>, frames: Res<Assets<Frames>>, mut sprites: Query<(&mut Animation, &mut Sprite)>) {
    for (mut animation, mut sprite) in &mut sprites {
        let Some(Frames { frames }) = frames.get(&animation.frames) else {
            continue;
        };
        let Some(shown) = sprite.texture_atlas.as_ref().map(|atlas| atlas.index) else {
            continue;
        };
        animation.since += time.delta();
        let (index, since) = step(frames, shown, animation.since);
        animation.since = since;
        if let Some(atlas) = &mut sprite.texture_atlas {
            atlas.index = index;
        }
    }
}

/// The frame to show now, and for how long it has been shown, if frame `index` has been shown for `since`.
fn step(frames: &[Frame], index: usize, since: Duration) -> (usize, Duration) {
    // A file that was published with fewer frames than the last: begin anew.
    let Some(frame) = frames.get(index) else {
        return (0, Duration::ZERO);
    };
    match since.checked_sub(Duration::from_millis(frame.duration)) {
        Some(over) => ((index + 1) % frames.len(), over),
        None => (index, since),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(durations: &[u64]) -> Vec<Frame> {
        durations.iter().map(|&duration| Frame { duration }).collect()
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn each_frame_is_shown_for_its_own_time() {
        let frames = frames(&[100, 300]);
        assert_eq!(step(&frames, 0, ms(99)), (0, ms(99)));
        assert_eq!(step(&frames, 0, ms(110)), (1, ms(10)));
        assert_eq!(step(&frames, 1, ms(299)), (1, ms(299)));
        assert_eq!(step(&frames, 1, ms(300)), (0, ms(0)));
    }

    #[test]
    fn a_sheet_that_lost_frames_begins_anew() {
        assert_eq!(step(&frames(&[100]), 3, ms(5)), (0, ms(0)));
        assert_eq!(step(&[], 0, ms(5)), (0, ms(0)));
    }
}
