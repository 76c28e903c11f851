//! A small Bevy game that shows every sprite DGX-Pixels published into its `assets/`, and reloads what changes.
//!
//! Each idea is one plugin: [`manifest`] knows which sprites there are, [`gallery`] draws them.

mod gallery;
mod manifest;

use bevy::prelude::*;
use bevy::window::WindowResolution;

fn main() -> AppExit {
    // One logical pixel is one screen pixel, also on a high-density display: sprites keep whole pixels.
    let resolution = WindowResolution::new(1280, 720).with_scale_factor_override(1.0);
    let window = Window {
        title: "DGX-Pixels gallery".into(),
        resolution,
        ..default()
    };
    App::new()
        .add_plugins(
            DefaultPlugins
                // Nearest sampling: Bevy's default is linear, which blurs pixel art.
                .set(ImagePlugin::default_nearest())
                .set(WindowPlugin {
                    primary_window: Some(window),
                    ..default()
                }),
        )
        .add_plugins((manifest::ManifestPlugin, gallery::GalleryPlugin))
        .run()
}
