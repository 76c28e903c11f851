//! The manifest of published assets, as a Bevy asset: Bevy's file watcher then reloads it like any image.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_common_assets::json::JsonAssetPlugin;
use serde::Deserialize;

use crate::terrain::Rules;

/// Where DGX-Pixels writes the manifest, relative to `assets/`.
const PATH: &str = "manifests/dgx_pixels.json";

/// Loads the manifest at the start and keeps it loaded.
pub struct ManifestPlugin;

impl Plugin for ManifestPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(JsonAssetPlugin::<Manifest>::new(&["json"]))
            .add_systems(Startup, load);
    }
}

/// All published assets. The file says more about each (prompt, seed, model); serde skips what no field asks for.
#[derive(Asset, TypePath, Deserialize)]
pub struct Manifest {
    /// Sorted by path.
    pub assets: Vec<Entry>,
}

/// One published image.
#[derive(Deserialize, Clone, Debug)]
pub struct Entry {
    /// Relative to `assets/`, so that `AssetServer::load` takes it as it is.
    pub path: String,
    /// What the image holds.
    #[serde(default)]
    pub kind: Kind,
    /// What it shows: `character`, `item`, `tile`, ...
    #[serde(default)]
    pub category: String,
    /// Pixels across, of the whole image.
    pub width: u32,
    /// Pixels down, of the whole image.
    pub height: u32,
    /// How the image is divided; a sheet and a tileset have one.
    pub atlas: Option<Atlas>,
    /// Which tiles of a tileset fit where.
    pub tileset: Option<Rules>,
    /// Other files that belong to the image.
    #[serde(default)]
    pub files: Vec<File>,
}

/// What an image holds.
#[derive(Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One picture.
    #[default]
    Sprite,
    /// The frames of an animation.
    Sheet,
    /// Tiles of a map.
    Tileset,
    /// Something that a later version of DGX-Pixels writes, and this game does not know.
    #[serde(other)]
    Unknown,
}

/// A grid over the image: tiles, or frames, from left to right and top to bottom.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Atlas {
    /// Pixels across one tile.
    pub tile_width: u32,
    /// Pixels down one tile.
    pub tile_height: u32,
    /// Tiles across.
    pub columns: u32,
    /// Tiles down.
    pub rows: u32,
}

/// A file beside the image, relative to `assets/`.
#[derive(Deserialize, Clone, Debug)]
pub struct File {
    /// Relative to `assets/`.
    pub path: String,
}

impl Entry {
    /// The size of what is seen at a time: of one frame of a sheet, of the whole picture otherwise.
    pub fn shown(&self) -> UVec2 {
        match self.atlas {
            Some(atlas) if self.kind == Kind::Sheet => UVec2::new(atlas.tile_width, atlas.tile_height),
            _ => UVec2::new(self.width, self.height),
        }
    }
}

/// The handle that keeps the manifest loaded: an asset without a strong handle is dropped, and is not reloaded.
#[derive(Resource)]
struct ManifestHandle(Handle<Manifest>);

/// A system parameter: the manifest, if there is one.
#[derive(SystemParam)]
pub struct Published<'w> {
    handle: Res<'w, ManifestHandle>,
    manifests: Res<'w, Assets<Manifest>>,
}

impl Published<'_> {
    /// None if it is not loaded yet, or nothing was ever published; an asset event tells of it when it is.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifests.get(&self.handle.0)
    }
}

// If nothing is published yet, Bevy logs that the file is missing, and loads it as soon as it appears.
fn load(mut commands: Commands, server: Res<AssetServer>) {
    commands.insert_resource(ManifestHandle(server.load(PATH)));
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::time::{Duration, Instant};
    use std::{env, fs, process, thread};

    use super::*;

    /// Publishes as DGX-Pixels does: a complete file, made outside `assets/`, renamed into it in one step.
    fn publish(root: &Path, sprites: &[&str]) {
        let entries: Vec<_> = sprites
            .iter()
            .map(|path| serde_json::json!({"path": path, "width": 16, "height": 16, "prompt": "more keys"}))
            .collect();
        let folder = root.join("assets/manifests");
        if !folder.exists() {
            fs::create_dir(&folder).unwrap();
            thread::sleep(Duration::from_millis(50));
        }
        let staged = root.join("staged");
        fs::write(&staged, serde_json::json!({"schema": 1, "assets": entries}).to_string()).unwrap();
        fs::rename(staged, root.join("assets").join(PATH)).unwrap();
    }

    /// Runs the app until the loaded manifest has that many sprites.
    fn wait_for(app: &mut App, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            app.update();
            let handle = app.world().get_resource::<ManifestHandle>();
            let manifest = handle.and_then(|handle| app.world().resource::<Assets<Manifest>>().get(&handle.0));
            if manifest.is_some_and(|manifest| manifest.assets.len() == count) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the manifest never had {count} sprites");
    }

    fn project() -> PathBuf {
        let root = env::temp_dir().join(format!("bevy_example_{}", process::id()));
        fs::create_dir_all(root.join("assets")).unwrap();
        root
    }

    #[test]
    fn a_manifest_that_appears_or_changes_while_the_game_runs_is_loaded() {
        let root = project();
        let assets = AssetPlugin {
            file_path: root.join("assets").to_string_lossy().into_owned(),
            ..default()
        };
        let mut app = App::new();
        app.add_plugins((MinimalPlugins, assets, ManifestPlugin));
        for _ in 0..20 {
            app.update(); // long enough for the first load to fail
            thread::sleep(Duration::from_millis(10));
        }
        publish(&root, &["sprites/item_potion.png"]);
        wait_for(&mut app, 1);
        publish(&root, &["sprites/item_potion.png", "sprites/item_sword.png"]);
        wait_for(&mut app, 2);
        fs::remove_dir_all(root).unwrap();
    }
}
